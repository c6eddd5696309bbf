// The conformance kit, as a user of the package runs it, against the storages of the package.
import {
  CacheStorage,
  DirectoryStorage,
  SessionStorageMemory,
  SimplifiedSessionStorage,
  generateSessionId,
} from "sessile";
import { testSessionStorage } from "sessile/testing";
import { damageInDatabase, nameDatabase, removeDatabase } from "./databases.mjs";
import { equal, rejection } from "./expect.mjs";
import { damageRecord, fs, keyOf, makeFolder, removeFolder } from "./folders.mjs";
import { describe, inDepth, it, settings } from "./harness.mjs";
import { ownStorage } from "./own-storage.mjs";

/** Two methods over a `Map`, which outlives the storage as a database does. */
class MapStorage extends SimplifiedSessionStorage {
  constructor(options, records = new Map()) {
    super(options);
    this.records = records;
  }

  async load(key) {
    return this.records.get(key) ?? null;
  }

  async store(key, data) {
    if (data === null) this.records.delete(key);
    else this.records.set(key, data);
  }
}

async function damage(storage, id) {
  const key = await keyOf(id);
  const record = storage.records.get(key).slice();
  record[record.length - 1] ^= 1;
  storage.records.set(key, record);
}

// Patience for machines that do much else.
const everyStorage = { wholeValues: true, timeouts: true, clock: true, generateSessionId, patience: 50_000 };

describe("SessionStorageMemory", () => {
  testSessionStorage({ describe, it }, (options) => new SessionStorageMemory(options), {
    ...everyStorage,
    streams: true,
    conditional: true,
    tags: true,
    housekeeping: true,
    limits: { maxSessionBytes: true, maxBytes: true, maxSessions: true },
  });
});

describe("SimplifiedSessionStorage", () => {
  testSessionStorage({ describe, it }, (options) => new MapStorage(options), {
    ...everyStorage,
    limits: { maxSessionBytes: true },
    damage,
  });
});

describe("SimplifiedSessionStorage that is alone on a lasting medium", () => {
  const alone = { exclusive: true, durable: true };
  testSessionStorage({ describe, it }, (options) => new MapStorage({ ...options, ...alone }), {
    ...everyStorage,
    conditional: true,
    durable: true,
    reopen: async (storage, options) => {
      await storage.close();
      return new MapStorage({ ...options, ...alone }, storage.records);
    },
    limits: { maxSessionBytes: true },
    damage,
  });
});

const behindACache = { ...everyStorage, streams: true, conditional: true, tags: true };

describe("CacheStorage over memory", () => {
  const open = (options) => new CacheStorage(new SessionStorageMemory(options), { clock: options.clock });
  testSessionStorage({ describe, it }, open, { ...behindACache, limits: { maxSessionBytes: true } });
});

describe("CacheStorage over a storage of one's own", () => {
  const open = (options) => new CacheStorage(ownStorage(options), { clock: options.clock });
  testSessionStorage({ describe, it }, open, { ...behindACache, limits: { maxSessionBytes: true } });
});

/** The cases over a place of its own for each, which is gone afterwards. */
function testPlaces({ make, damage, remove }, more = {}) {
  const roots = new WeakMap();
  const open = (root, options) => {
    const storage = new DirectoryStorage(root, { ...options, ...more });
    roots.set(storage, root);
    return storage;
  };
  testSessionStorage({ describe, it }, (options) => open(make(), options), {
    ...everyStorage,
    streams: true,
    conditional: true,
    tags: true,
    durable: true,
    shared: true,
    housekeeping: true,
    limits: { maxSessionBytes: true },
    reopen: async (storage, options) => {
      await storage.close();
      return open(roots.get(storage), options);
    },
    join: (storage, options) => open(roots.get(storage), options),
    damage: (storage, id) => damage(roots.get(storage), id),
    discard: (storage) => remove(roots.get(storage)),
  });
}

/** The same behind a cache, which sees no change that others make, nor a damage. */
function testCachedPlaces({ make, remove }) {
  const roots = new WeakMap();
  const open = (root, options) => {
    const storage = new CacheStorage(new DirectoryStorage(root, options), { clock: options.clock });
    roots.set(storage, root);
    return storage;
  };
  testSessionStorage({ describe, it }, (options) => open(make(), options), {
    ...behindACache,
    durable: true,
    limits: { maxSessionBytes: true },
    reopen: async (storage, options) => {
      await storage.close();
      return open(roots.get(storage), options);
    },
    discard: (storage) => remove(roots.get(storage)),
  });
}

const folders = { make: makeFolder, damage: damageRecord, remove: removeFolder };
const databases = { make: nameDatabase, damage: damageInDatabase, remove: removeDatabase };

if (fs !== undefined) {
  for (const io of inDepth ? ["auto", "async", "sync"] : ["auto", "async"]) {
    describe(`DirectoryStorage by io: "${io}"`, () => testPlaces(folders, { io }));
  }
  if (inDepth) describe("DirectoryStorage, strict", () => testPlaces(folders, { durability: "strict" }));
  describe("CacheStorage over a folder", () => testCachedPlaces(folders));
} else if (settings.databases) {
  for (const durability of ["relaxed", "strict"]) {
    describe(`DirectoryStorage in IndexedDB, ${durability}`, () => testPlaces(databases, { durability }));
  }
  describe("CacheStorage over IndexedDB", () => testCachedPlaces(databases));
} else if (!("indexedDB" in globalThis)) {
  describe("DirectoryStorage where nothing outlives a request", () => {
    it("can be made, and says at the first call that there is no place for it", async () => {
      const storage = new DirectoryStorage("./sessions");
      const calls = [
        storage.get("id"),
        storage.set("id", "content"),
        storage.write("id", () => undefined),
        storage.read("id", () => undefined),
        storage.invalidate("id"),
        storage.sweep(),
      ];
      for (const call of calls) equal((await rejection(call)).code, "ERR_SESSION_UNSUPPORTED", "code");
    });
  });
}
