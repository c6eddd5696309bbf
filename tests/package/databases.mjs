// IndexedDB databases of sessions for the tests, and what lies in them.
import { keyOf } from "./folders.mjs";

let made = 0;

/** A name that no other database has. */
export function nameDatabase() {
  made += 1;
  return `sessile-test-${Date.now()}-${Math.random()}-${made}`;
}

/** Resolves with a request's result. */
export function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function removeDatabase(name) {
  await resultOf(indexedDB.deleteDatabase(name));
}

/** A connection of nobody's who keeps sessions: it does not let go when others ask. */
export function holdDatabase(name, version) {
  return resultOf(indexedDB.open(name, version));
}

/** Removes all that the site keeps, as a person does who clears its data. */
export async function clearSite() {
  await (await fetch(`${location.pathname}?clear-site-data`, { cache: "no-store" })).text();
}

/** What a database holds: the keys of each of its stores. */
export async function keysIn(name) {
  const database = await holdDatabase(name);
  try {
    const stores = [...database.objectStoreNames];
    const transaction = database.transaction(stores);
    const keys = stores.map((store) => resultOf(transaction.objectStore(store).getAllKeys()));
    const found = await Promise.all(keys);
    return Object.fromEntries(stores.map((store, index) => [store, found[index]]));
  } finally {
    database.close();
  }
}

/** Calls `work` while the clock, as pages see it, is ahead by so many milliseconds. */
export async function aheadBy(milliseconds, work) {
  const { now } = Date;
  Date.now = () => now.call(Date) + milliseconds;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

/** Calls `work` with a store within a transaction, and waits until that is complete. */
export async function inStore(name, store, work) {
  const database = await resultOf(indexedDB.open(name));
  try {
    const transaction = database.transaction(store, "readwrite");
    const complete = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const answer = await work(transaction.objectStore(store));
    await complete;
    return answer;
  } finally {
    database.close();
  }
}

/** Changes one bit in the middle of a record. */
export async function damageInDatabase(name, id) {
  const key = await keyOf(id);
  await inStore(name, "records", async (records) => {
    const record = await resultOf(records.get(key));
    record[record.length >> 1] ^= 4;
    await resultOf(records.put(record, key));
  });
}
