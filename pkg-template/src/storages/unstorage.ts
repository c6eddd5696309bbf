import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { SimplifiedSessionStorage } from "../simplified.js";
import { wholeBytes } from "../storage.js";
import type { SimplifiedOptions } from "../types.js";
import { keptFor } from "./removal.js";

/** What is used of a storage of unstorage. */
export interface UnstorageLike {
  getItemRaw(key: string): Promise<any>;
  setItemRaw(key: string, value: any, options?: any): Promise<void>;
  removeItem(key: string): Promise<void>;
}

/** The options of {@link UnstorageStorage}. */
export interface UnstorageStorageOptions extends SimplifiedOptions {
  /** What all keys begin with. Default: `"sessile"`. */
  base?: string | undefined;
}

/**
 * Sessions in any driver of unstorage. Drivers have no conditional writes: what is promised holds for all that goes through
 * this object, and parallel requests of other machines lose each other's changes. A driver that knows of `ttl` removes what has
 * expired, an hour late.
 *
 * @example
 * ```js
 * import { UnstorageStorage } from "sessile/storages";
 * import { createStorage } from "unstorage";
 *
 * // Nobody else writes there.
 * const storage = new UnstorageStorage(createStorage(), { exclusive: true });
 * ```
 */
export class UnstorageStorage extends SimplifiedSessionStorage {
  readonly #storage: UnstorageLike;
  readonly #base: string;
  readonly #clock: () => number;

  constructor(storage: UnstorageLike, options: UnstorageStorageOptions = {}) {
    super(options);
    const { base = "sessile", clock = Date.now } = options;
    if (typeof (storage as UnstorageLike | undefined)?.setItemRaw !== "function") {
      throw invalid("storage must be what createStorage() of unstorage answers");
    }
    if (typeof base !== "string") throw invalid("base must be a string");
    this.#storage = storage;
    this.#base = base;
    this.#clock = clock;
  }

  override async load(key: string): Promise<Uint8Array | null> {
    const found: unknown = await this.#call(() => this.#storage.getItemRaw(this.#name(key)));
    if (found == null) return null;
    const bytes = typeof found === "string" ? undefined : wholeBytes(found as Uint8Array);
    if (bytes !== undefined) return bytes;
    throw new SessionError("ERR_SESSION_CORRUPT", "the driver answers something else than bytes");
  }

  override async store(key: string, data: Uint8Array | null, expiresAt: number | null): Promise<void> {
    const name = this.#name(key);
    if (data === null) return this.#call(() => this.#storage.removeItem(name));
    const millis = keptFor(expiresAt, this.#clock());
    // In seconds, as its drivers have it.
    const options = millis === null ? {} : { ttl: Math.ceil(millis / 1000) };
    return this.#call(() => this.#storage.setItemRaw(name, data, options));
  }

  #name(key: string): string {
    return `${this.#base}:${key}`;
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new SessionError("ERR_SESSION_STORAGE", "the driver of unstorage failed", { cause });
    }
  }
}
