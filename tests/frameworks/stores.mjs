// What the tests of our storages inside other libraries share.
import { DirectoryStorage, SessionStorageMemory, SimplifiedSessionStorage } from "sessile";
import { describe, it } from "../package/harness.mjs";
import { makeFolder, removeFolder } from "../package/folders.mjs";

/**
 * Describes the same cases over a storage in memory and one in a folder. `withStorage(options, work)` gives `work` a new and
 * empty one.
 */
export function describeWithStorages(name, cases) {
  describe(`${name}, in memory`, () => cases(withMemory));
  describe(`${name}, in a folder`, () => cases(withFolder));
}

/** A case that needs a new storage, without options. */
export function storageCase(withStorage) {
  return (name, body) => it(name, () => withStorage({}, body));
}

async function withMemory(options, work) {
  await work(new SessionStorageMemory(options));
}

async function withFolder(options, work) {
  const folder = makeFolder();
  const storage = new DirectoryStorage(folder, options);
  try {
    await work(storage);
  } finally {
    await storage.close();
    removeFolder(folder);
  }
}

/** A promise that opens from outside. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

/** Lets `count` callers through when the last of them has come. */
export function barrier(count) {
  const { open, opened } = gate();
  let waiting = 0;
  return () => {
    waiting += 1;
    if (waiting === count) open();
    return opened;
  };
}

/** A storage with nothing but its three methods, and what it declares. */
export function bare(storage, capabilities = storage.capabilities) {
  return {
    capabilities,
    write: (...args) => storage.write(...args),
    read: (...args) => storage.read(...args),
    invalidate: (id) => storage.invalidate(id),
  };
}

/** A storage whose calls are counted by their names. */
export function counted(storage) {
  const calls = {};
  const proxy = new Proxy(storage, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== "function") return value;
      return (...args) => {
        calls[name] = (calls[name] ?? 0) + 1;
        return value.apply(target, args);
      };
    },
  });
  return { storage: proxy, calls };
}

/** A storage without tags, made of two functions. */
export class InAMap extends SimplifiedSessionStorage {
  #records = new Map();

  async load(key) {
    return this.#records.get(key) ?? null;
  }

  async store(key, data) {
    if (data === null) this.#records.delete(key);
    else this.#records.set(key, data);
  }
}
