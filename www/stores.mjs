// The stores that are measured, each opened over a database of its own. They keep an object by an id; sessile keeps
// it as JSON with a checksum, revision and expiry, the others as the engine clones it.

const OPENERS = {
  async sessile(name) {
    const { DirectoryStorage } = await import("./packages/sessile/index.js");
    const storage = new DirectoryStorage(name, { idleTimeout: "30m" });
    return {
      set: (id, value) => storage.setJson(id, value),
      get: (id) => storage.getJson(id),
      close: () => storage.close(),
    };
  },

  async "idb-keyval"(name) {
    const { createStore, get, set } = await import("./packages/idb-keyval.js");
    const store = createStore(name, "sessions");
    return {
      set: (id, value) => set(id, value, store),
      get: (id) => get(id, store),
      close: () => store("readonly", ({ transaction }) => transaction.db.close()),
    };
  },

  async localforage(name) {
    await import("./packages/localforage.js");
    // It is no module, and leaves its name with everything global.
    const store = globalThis.localforage.createInstance({ name, driver: globalThis.localforage.INDEXEDDB });
    return {
      set: (id, value) => store.setItem(id, value),
      get: (id) => store.getItem(id),
      // It closes no database but with its removal, which is what comes next anyway.
      close: () => store.dropInstance({ name }),
    };
  },

  async Dexie(name) {
    const { Dexie } = await import("./packages/dexie.mjs");
    const database = new Dexie(name);
    database.version(1).stores({ sessions: "" });
    const { sessions } = database;
    return {
      set: (id, value) => sessions.put(value, id),
      get: (id) => sessions.get(id),
      close: () => database.close(),
    };
  },
};

export const STORES = Object.keys(OPENERS);

export const openStore = (store, name) => OPENERS[store](name);
