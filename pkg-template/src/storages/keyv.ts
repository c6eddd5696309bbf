import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { SimplifiedSessionStorage } from "../simplified.js";
import type { SimplifiedOptions } from "../types.js";
import { keptFor } from "./removal.js";

/** What is used of a `Keyv`. */
export interface KeyvLike {
  get(key: string): Promise<any>;
  set(key: string, value: any, ttl?: number): Promise<any>;
  delete(key: string): Promise<any>;
}

/** The options of {@link KeyvStorage}. */
export interface KeyvStorageOptions extends SimplifiedOptions {
  /** What all keys begin with, beside the namespace of Keyv. Default: none. */
  prefix?: string | undefined;
}

/**
 * Sessions in any store of Keyv. Stores have no conditional writes: what is promised holds for all that goes through this object,
 * and parallel requests of other machines lose each other's changes. What has expired is removed by Keyv, an hour late.
 *
 * A Keyv emits an `error` where its store fails, and answers as if nothing were there, unless it is made with
 * `throwOnErrors: true`: make it so, or a session that cannot be read looks like none.
 *
 * @example
 * ```js
 * import Keyv from "keyv";
 * import { KeyvStorage } from "sessile/storages";
 *
 * // Nobody else writes there.
 * const storage = new KeyvStorage(new Keyv({ throwOnErrors: true }), { exclusive: true });
 * ```
 */
export class KeyvStorage extends SimplifiedSessionStorage {
  readonly #keyv: KeyvLike;
  readonly #prefix: string;
  readonly #clock: () => number;

  constructor(keyv: KeyvLike, options: KeyvStorageOptions = {}) {
    super(options);
    const { prefix = "", clock = Date.now } = options;
    if (typeof (keyv as KeyvLike | undefined)?.set !== "function") throw invalid("keyv must be a Keyv");
    if (typeof prefix !== "string") throw invalid("prefix must be a string");
    this.#keyv = keyv;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  override async load(key: string): Promise<Uint8Array | null> {
    const found: unknown = await this.#call(() => this.#keyv.get(this.#prefix + key));
    if (found == null) return null;
    if (typeof found === "string") {
      try {
        return bytesOf(atob(found));
      } catch {
        // Told below.
      }
    }
    throw new SessionError("ERR_SESSION_CORRUPT", "the store answers something else than a record");
  }

  override async store(key: string, data: Uint8Array | null, expiresAt: number | null): Promise<void> {
    const name = this.#prefix + key;
    if (data === null) {
      await this.#call(() => this.#keyv.delete(name));
      return;
    }
    // As text, which every store and serializer of Keyv takes.
    const text = btoa(lettersOf(data));
    const ttl = keptFor(expiresAt, this.#clock()) ?? undefined;
    const stored: unknown = await this.#call(() => this.#keyv.set(name, text, ttl));
    if (stored === false) throw new SessionError("ERR_SESSION_STORAGE", "the store of Keyv has not stored");
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new SessionError("ERR_SESSION_STORAGE", "the store of Keyv failed", { cause });
    }
  }
}

function bytesOf(letters: string): Uint8Array {
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/** Some thousands at once: a call takes no more arguments. */
function lettersOf(bytes: Uint8Array): string {
  let letters = "";
  for (let at = 0; at < bytes.length; at += 8_192) {
    letters += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return letters;
}
