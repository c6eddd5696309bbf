// Databases that are made to be tried out, and removed.

/** How the databases of tests and measurements begin: none of them holds anybody's sessions. */
export const TRIAL = "sessile page, on trial: ";

export function removeDatabase(name) {
  return resultOf(indexedDB.deleteDatabase(name));
}

/** Removes what tests and measurements have left that were ended before their time. */
export async function removeTrials() {
  const databases = (await indexedDB.databases?.()) ?? [];
  const names = databases.map(({ name }) => name).filter((name) => name.startsWith(TRIAL));
  await Promise.all(names.map(removeDatabase));
}

/** Flips one bit of a session's record, as a failing disk does. */
export async function damageRecord(name, id) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)));
  const key = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const database = await resultOf(indexedDB.open(name));
  const transaction = database.transaction("records", "readwrite");
  const complete = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  const records = transaction.objectStore("records");
  const record = await resultOf(records.get(key));
  record[record.length >> 1] ^= 4;
  records.put(record, key);
  await complete;
  database.close();
}

function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
