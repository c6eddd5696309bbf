import { invalid } from "../options.js";
import type { SessionStorage } from "../types.js";
import { decode } from "../window.js";
import { Items, type ItemOptions } from "./items.js";

/** The options of `keyvStore`. */
export interface KeyvStoreOptions extends ItemOptions {
  /** Where time comes from; it must be the storage's own. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** One of the values that `setMany` stores. */
export interface KeyvStoreEntry {
  readonly key: string;
  readonly value: unknown;
  readonly expires?: number | undefined;
}

/** What keyv asks of a method: whether it is there, and answers a promise. */
export interface KeyvStoreMethod {
  readonly exists: boolean;
  readonly methodType: "sync" | "async" | "none";
}

const METHODS = [
  "get",
  "getMany",
  "has",
  "hasMany",
  "set",
  "setMany",
  "delete",
  "deleteMany",
  "clear",
  "disconnect",
  "iterator",
] as const satisfies readonly (keyof KeyvStore)[];

/** No time of these days is before this, but each length of time of an older keyv is. */
const NO_TIME = 100_000_000_000;

/**
 * Any storage as a store of keyv 6. See {@link keyvStore}.
 */
export class KeyvStore {
  /** Set by keyv: `clear` and `iterator` keep to it. */
  namespace: string | undefined;
  readonly #items: Items;
  readonly #clock: () => number;

  constructor(storage: SessionStorage, options: KeyvStoreOptions) {
    this.#items = new Items(storage, options);
    const { clock = Date.now } = options;
    if (typeof clock !== "function") throw invalid("clock must be a function");
    this.#clock = clock;
  }

  /** Says that `expires` is honoured, and is a time and not a length of time: keyv's contract since version 6. */
  get capabilities(): {
    readonly compatible: true;
    readonly store: "keyvStorage";
    readonly methods: Record<(typeof METHODS)[number], KeyvStoreMethod>;
    readonly expires: true;
  } {
    const method = { exists: true, methodType: "async" } as const;
    const methods = Object.fromEntries(METHODS.map((name) => [name, method]));
    return {
      compatible: true,
      store: "keyvStorage",
      methods: methods as Record<(typeof METHODS)[number], KeyvStoreMethod>,
      expires: true,
    };
  }

  async get(key: string): Promise<any> {
    const bytes = await this.#items.get(this.#key(key));
    return bytes === undefined ? undefined : decode(bytes);
  }

  async getMany(keys: readonly string[]): Promise<any[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async has(key: string): Promise<boolean> {
    return (await this.#items.info(this.#key(key))) !== undefined;
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /** @param expires when the value expires, in milliseconds since the epoch; left out, never */
  async set(key: string, value: unknown, expires?: number): Promise<boolean> {
    if (typeof value !== "string") throw invalid("a value must be a string: leave keyv's serialization on");
    if (expires !== undefined && !(typeof expires === "number" && expires >= NO_TIME)) {
      throw invalid("expires must be a time in milliseconds since the epoch, as keyv 6 gives it");
    }
    const lifetime = expires === undefined ? null : expires - this.#clock();
    await this.#items.set(this.#key(key), value, lifetime, this.#group());
    return true;
  }

  async setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]> {
    return Promise.all(entries.map(({ key, value, expires }) => this.set(key, value, expires)));
  }

  async delete(key: string): Promise<boolean> {
    return this.#items.remove(this.#key(key));
  }

  async deleteMany(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.delete(key)));
  }

  /** Removes the values of the namespace, or all of this store if there is none. */
  async clear(): Promise<void> {
    await this.#items.clear(this.#group());
  }

  async *iterator(): AsyncGenerator<[string, any], void> {
    const start = this.#key("").length;
    for await (const key of this.#items.keys(this.#group())) {
      const own = key.slice(start);
      const value: unknown = await this.get(own);
      if (value !== undefined) yield [own, value];
    }
  }

  /** Does nothing: the storage is yours to close. */
  async disconnect(): Promise<void> {}

  #group(): string | undefined {
    return this.namespace || undefined;
  }

  /** As keyv's own stores write it. */
  #key(key: string): string {
    return this.namespace ? `${this.namespace}::${key}` : key;
  }
}

/**
 * Any storage as a store of keyv 6: namespaces, expiry to the millisecond, values that are whole or not there.
 *
 * `clear` needs a storage with tags. `iterator` needs the option `listKeys`, since a storage holds hashes of ids; without it
 * it fails with `ERR_SESSION_UNSUPPORTED`. A value lives as long as keyv says, whatever the storage's own timeouts are.
 * An older keyv gives lengths of time where this store wants times, which is refused.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
 *
 * @example
 * ```js
 * import Keyv from "keyv";
 * import { DirectoryStorage } from "sessile";
 * import { keyvStore } from "sessile/stores";
 *
 * const keyv = new Keyv({ store: keyvStore(new DirectoryStorage("./cache")), namespace: "news" });
 * await keyv.set("today", { title: "Rain" }, 60_000);
 * ```
 */
export function keyvStore(storage: SessionStorage, options: KeyvStoreOptions = {}): KeyvStore {
  return new KeyvStore(storage, options);
}
