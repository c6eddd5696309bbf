import { invalid, timeoutNumber } from "../options.js";
import { wholeBytes } from "../storage.js";
import type { Duration, SessionData, SessionStorage } from "../types.js";
import { decode } from "../window.js";
import { Items, type ItemOptions } from "./items.js";

/** The options of `unstorageDriver`. */
export interface UnstorageOptions extends ItemOptions {
  /** How long an item lives that is set without a `ttl` of its own; `null`: for ever, which is the default. */
  ttl?: Duration | null | undefined;
}

/** What unstorage may pass along with a call. */
export interface UnstorageCallOptions {
  /** How long the item lives, in **seconds**, as in unstorage's other drivers. */
  ttl?: number | undefined;
}

/** A driver as unstorage calls it. */
export interface UnstorageDriver {
  readonly name: "sessile";
  readonly options: UnstorageOptions;
  readonly flags: { readonly ttl: true };
  getInstance(): SessionStorage;
  hasItem(key: string): Promise<boolean>;
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string, options?: UnstorageCallOptions): Promise<void>;
  /** The item's bytes, whichever way it was set. */
  getItemRaw(key: string): Promise<Uint8Array | null>;
  /** Takes bytes or a string. */
  setItemRaw(key: string, value: unknown, options?: UnstorageCallOptions): Promise<void>;
  removeItem(key: string): Promise<void>;
  getMeta(key: string): Promise<{ birthtime: Date; size?: number; expires?: Date } | null>;
  getKeys(base?: string): Promise<string[]>;
  clear(base?: string): Promise<void>;
}

/**
 * Any storage as a driver of unstorage. Items are whole or not there, also after a crash, and expire when they should.
 *
 * Its keys can be listed with the option `listKeys` alone, since a storage holds hashes of ids: without it, `getKeys`, and
 * `clear` of a part, fail with `ERR_SESSION_UNSUPPORTED` and do not pretend that there are none. `clear` of all needs a
 * storage with tags. An item lives as long as its `ttl` or the driver's says, whatever the storage's own timeouts are; one
 * whose `ttl` is zero or less is gone at once. The storage stays open: it is yours to close.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
 *
 * @example
 * ```js
 * import { DirectoryStorage } from "sessile";
 * import { unstorageDriver } from "sessile/stores";
 * import { createStorage } from "unstorage";
 *
 * const storage = createStorage({ driver: unstorageDriver(new DirectoryStorage("./items"), { listKeys: true }) });
 * await storage.setItem("news:today", { title: "Rain" }, { ttl: 3_600 });
 * ```
 */
export function unstorageDriver(storage: SessionStorage, options: UnstorageOptions = {}): UnstorageDriver {
  const items = new Items(storage, options);
  const fixed = timeoutNumber(options.ttl ?? null, "ttl");
  const lifetime = (call: UnstorageCallOptions | undefined): number | null => {
    const { ttl } = call ?? {};
    if (ttl == null) return fixed === Infinity ? null : fixed;
    if (typeof ttl !== "number" || Number.isNaN(ttl)) throw invalid("ttl must be a number of seconds");
    return ttl * 1_000;
  };
  return {
    name: "sessile",
    options,
    flags: { ttl: true },
    getInstance: () => storage,
    hasItem: async (key) => (await items.info(key)) !== undefined,
    async getItem(key) {
      const bytes = await items.get(key);
      return bytes === undefined ? null : decode(bytes);
    },
    getItemRaw: async (key) => (await items.get(key)) ?? null,
    setItem: async (key, value, call) => items.set(key, value, lifetime(call)),
    async setItemRaw(key, value, call) {
      const bytes = typeof value === "string" ? value : wholeBytes(value as Exclude<SessionData, string>);
      if (bytes === undefined) throw invalid("a raw item must be bytes or a string");
      await items.set(key, bytes, lifetime(call));
    },
    async removeItem(key) {
      await items.remove(key);
    },
    async getMeta(key) {
      const info = await items.info(key);
      if (info === undefined) return null;
      const { createdAt, byteLength, expiresAt } = info;
      return {
        birthtime: new Date(createdAt),
        ...(byteLength === undefined ? undefined : { size: byteLength }),
        ...(expiresAt === undefined ? undefined : { expires: new Date(expiresAt) }),
      };
    },
    async getKeys(base = "") {
      const keys: string[] = [];
      for await (const key of items.keys()) if (key.startsWith(base)) keys.push(key);
      return keys;
    },
    async clear(base = "") {
      if (base === "") return items.clear();
      for await (const key of items.keys()) if (key.startsWith(base)) await items.remove(key);
    },
  };
}
