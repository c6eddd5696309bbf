// On the page: chunks put into a database one by one, and got again, by nothing but the engine. What that leaves to be
// collected, every storage leaves.
import { CHUNK } from "../measuring/large.mjs";

let database;

export async function begin() {
  database = await open();
  await put(new Uint8Array(1), "small");
}

export async function write(size) {
  const chunk = new Uint8Array(CHUNK);
  for (let at = 0; at < size; at += CHUNK) {
    chunk.fill(mark(at));
    await put(chunk, at);
  }
}

export async function readChunks(size) {
  for (let at = 0; at < size; at += CHUNK) {
    const found = await result(database.transaction("chunks").objectStore("chunks").get(at));
    if (found[0] !== mark(at)) throw new Error(`the chunk at ${at} is not what was written`);
  }
}

const mark = (at) => 1 + ((at / CHUNK) % 251);

function put(chunk, key) {
  const transaction = database.transaction("chunks", "readwrite", { durability: "relaxed" });
  transaction.objectStore("chunks").put(chunk, key);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
}

function open() {
  const request = indexedDB.open("by hand", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("chunks");
  return result(request);
}

const result = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
