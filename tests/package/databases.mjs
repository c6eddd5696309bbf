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
    const value = await resultOf(records.get(key));
    value.record[value.record.length >> 1] ^= 4;
    await resultOf(records.put(value));
  });
}
