// The stores, each behind the same two functions: `set(id, value)` and `get(id)`, of JSON values. Every store
// is imported by its own function, so that a process holds only the code that it measures. `capacity` is the
// most sessions that there will be. Those that can expire sessions are told to: few keep them for ever.
const LIFETIME = 30 * 60 * 1000;

export const FLOOR = "Map of JSON strings";
export const SESSILE = "sessile";
export const EXPRESS = "express-session MemoryStore";
export const LRU = "lru-cache with ttl";

const OPENERS = {
  // The floor: what anybody would write who needs no expiry, no limit and no streams.
  async [FLOOR]() {
    const texts = new Map();
    return {
      async set(id, value) {
        texts.set(id, JSON.stringify(value));
      },
      async get(id) {
        const text = texts.get(id);
        return text === undefined ? undefined : JSON.parse(text);
      },
    };
  },

  async [SESSILE]() {
    const { SessionStorageMemory } = await import("sessile");
    const storage = new SessionStorageMemory({ idleTimeout: LIFETIME });
    return {
      set: (id, value) => storage.setJson(id, value),
      get: (id) => storage.getJson(id),
      close: () => storage.close(),
    };
  },

  // Its values are strings, since objects would be shared with the caller.
  async [LRU](capacity) {
    const { LRUCache } = await import("lru-cache");
    const texts = new LRUCache({ max: capacity, ttl: LIFETIME });
    return {
      async set(id, value) {
        texts.set(id, JSON.stringify(value));
      },
      async get(id) {
        const text = texts.get(id);
        return text === undefined ? undefined : JSON.parse(text);
      },
    };
  },

  async [EXPRESS]() {
    const { default: session } = await import("express-session");
    return promised(new session.MemoryStore());
  },

  async memorystore(capacity) {
    const { default: session } = await import("express-session");
    const { default: memorystore } = await import("memorystore");
    return promised(new (memorystore(session))({ max: capacity, ttl: LIFETIME }));
  },

  async "unstorage memory"() {
    const { createStorage } = await import("unstorage");
    const storage = createStorage();
    return {
      set: (id, value) => storage.setItem(id, value),
      get: (id) => storage.getItem(id),
    };
  },

  async keyv() {
    const { Keyv } = await import("keyv");
    const keyv = new Keyv({ ttl: LIFETIME });
    return {
      set: (id, value) => keyv.set(id, value),
      get: (id) => keyv.get(id),
    };
  },
};

export const STORES = Object.keys(OPENERS);

export const openStore = (name, capacity) => OPENERS[name](capacity);

/** Express's stores call back. */
function promised(store) {
  return {
    set: (id, value) =>
      new Promise((resolve, reject) => {
        store.set(id, value, (error) => (error ? reject(error) : resolve()));
      }),
    get: (id) =>
      new Promise((resolve, reject) => {
        store.get(id, (error, value) => (error ? reject(error) : resolve(value)));
      }),
  };
}
