// The stores that are compared over IndexedDB, for the page: each is imported when it is opened, and has a database of
// its own. They keep what they are given, bytes or an object.
export const SESSILE = "sessile";

const OPENERS = {
  async [SESSILE](name) {
    const { DirectoryStorage } = await import("sessile");
    const storage = new DirectoryStorage(name, { idleTimeout: "30m" });
    return {
      set: (id, value) => (value instanceof Uint8Array ? storage.set(id, value) : storage.setJson(id, value)),
      getBytes: async (id) => (await storage.get(id)).data,
      getObject: (id) => storage.getJson(id),
      close: () => storage.close(),
    };
  },

  async "idb-keyval"(name) {
    const { createStore, get, set } = await import("idb-keyval");
    const store = createStore(name, "sessions");
    return alike({ set: (id, value) => set(id, value, store), get: (id) => get(id, store) });
  },

  async localforage(name) {
    await import("localforage");
    // It is no module: what it is called stands on the page.
    const store = globalThis.localforage.createInstance({ name, driver: globalThis.localforage.INDEXEDDB });
    return alike({ set: (id, value) => store.setItem(id, value), get: (id) => store.getItem(id) });
  },

  async dexie(name) {
    const { Dexie } = await import("dexie");
    const database = new Dexie(name);
    database.version(1).stores({ sessions: "" });
    const { sessions } = database;
    return alike({
      set: (id, value) => sessions.put(value, id),
      get: (id) => sessions.get(id),
      close: () => database.close(),
    });
  },
};

export const STORES = Object.keys(OPENERS);
export const PEERS = STORES.filter((store) => store !== SESSILE);

export const openStore = (store, name) => OPENERS[store](name);

const alike = ({ get, ...rest }) => ({ getBytes: get, getObject: get, ...rest });
