import { ReferenceStorage } from "./reference.mjs";

/** Damages a record as a failing disk does: a bit of its content, or of its checksum where it has none. */
function damage(storage, id) {
  const record = storage.shelf.sessions.get(id);
  if (record.data.length === 0) record.sum ^= 1;
  else record.data[record.data.length >> 1] ^= 4;
}

/** The kit's view of a class that extends the reference storage. */
export function described(Storage, name, change = {}) {
  return {
    name,
    factory: (options) => new Storage(options),
    capabilities: {
      streams: true,
      conditional: true,
      tags: true,
      durable: true,
      shared: true,
      wholeValues: true,
      timeouts: true,
      clock: true,
      housekeeping: true,
      limits: { maxSessionBytes: true, maxBytes: true, maxSessions: true },
      reopen: async (storage, options) => {
        await storage.close();
        return new Storage(options, storage.shelf);
      },
      join: (storage, options) => new Storage(options, storage.shelf),
      damage,
      generateSessionId: () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url"),
      ...change,
    },
  };
}

/** Whatever it cannot do, it refuses: no conditions, no tags, no numbers. */
class Plain extends ReferenceStorage {
  capabilities = { streams: true, conditional: false, tags: false, durable: false, shared: false };

  readOptions(options = {}) {
    if (options.ifRevision !== undefined) throw unsupported("conditional writes");
    if (options.tags !== undefined) throw unsupported("tags");
    return super.readOptions(options);
  }

  async *listTagged(_tag) {
    this.checkOpen();
    throw unsupported("tags");
  }

  async invalidateTagged(_tag) {
    this.checkOpen();
    throw unsupported("tags");
  }
}

const unsupported = (what) =>
  Object.assign(new Error(`This storage has no ${what}.`), { code: "ERR_SESSION_UNSUPPORTED" });

/** Storages that keep the contract: everything, counted by bytes or by sessions, and without the extras. */
export const reference = [
  described(ReferenceStorage, "reference"),
  described(ReferenceStorage, "reference counted by bytes", {
    limits: { maxSessionBytes: true, maxBytes: true, maxSessions: false },
  }),
  described(Plain, "reference without conditions and tags", {
    conditional: false,
    tags: false,
    durable: false,
    shared: false,
    housekeeping: false,
    limits: { maxSessionBytes: true },
  }),
];

/** Three methods and nothing else, as somebody's own storage has them. */
class Three {
  #inner = new Plain();

  write(id, provider, options) {
    if (options?.idleTimeout !== undefined || options?.absoluteTimeout !== undefined) {
      return Promise.reject(unsupported("timeouts"));
    }
    return this.#inner.write(id, provider, options);
  }

  read(id, consumer) {
    return this.#inner.read(id, consumer);
  }

  invalidate(id) {
    return this.#inner.invalidate(id);
  }
}

export const minimal = { name: "three methods", factory: () => new Three(), capabilities: {} };
