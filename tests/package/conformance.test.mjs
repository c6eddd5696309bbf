// The conformance kit, as a user of the package runs it, against the storages of the package.
import { SessionStorageMemory, SimplifiedSessionStorage, generateSessionId } from "sessile";
import { testSessionStorage } from "sessile/testing";
import { describe, it } from "./harness.mjs";

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
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)));
  const key = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const record = storage.records.get(key).slice();
  record[record.length - 1] ^= 1;
  storage.records.set(key, record);
}

const everyStorage = { wholeValues: true, timeouts: true, clock: true, generateSessionId };

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
