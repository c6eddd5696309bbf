import { declareBuiltIn } from "./delegate.js";
import { toMillis } from "./duration.js";
import { checkStorageOptions, invalid, type CheckedStorageOptions } from "./options.js";
import { CoreStorage } from "./storage.js";
import { Patience, withTimeout } from "./timeout.js";
import type { SimplifiedOptions, StorageCapabilities } from "./types.js";
import { core } from "./wasm.js";
import type { StorageCore } from "./wasm/sessile.js";

/**
 * A whole storage made of two methods: you write `load` and `store`; streams, timeouts, revisions, checksums
 * and the order of calls are its work.
 *
 * The key is the SHA-256 of the session's id in 64 lowercase hexadecimal digits: safe as a file name or a
 * database key, and a leaked medium holds no usable id (C8). The bytes are a record with header and checksum:
 * store them as they are. What your methods throw comes back as it is.
 *
 * Two plain functions cannot make check and write one step for others, so the storage is not `shared`: what C4
 * and C5 promise holds for all that goes through this object, and conditional writes need `exclusive`.
 *
 * A session is whole in memory while it is written or read, and a touch stores it again. For large or busy
 * sessions implement `SessionStorage` itself.
 *
 * No two calls of `store` for one key overlap in this process. A `load` may come while a `store` is under way, and
 * must answer the old record or the new one, never a part. `store` must not wait for a write of the same session
 * in this storage: that write waits in turn.
 *
 * @example
 * ```js
 * import { SimplifiedSessionStorage } from "sessile";
 *
 * class InAMap extends SimplifiedSessionStorage {
 *   #map = new Map();
 *   async load(key) {
 *     return this.#map.get(key) ?? null;
 *   }
 *   async store(key, data) {
 *     if (data === null) this.#map.delete(key);
 *     else this.#map.set(key, data);
 *   }
 * }
 *
 * const storage = new InAMap({ idleTimeout: "30m" });
 * await storage.set("an id", "hello");
 * ```
 */
export abstract class SimplifiedSessionStorage extends CoreStorage {
  readonly capabilities: StorageCapabilities;

  readonly #options: CheckedStorageOptions;
  readonly #timeout: number;
  /** What was given up and has not ended: nobody may come between it and its end, or it would undo what came later. */
  readonly #givenUp = new Map<string, Promise<void>>();
  #storage: StorageCore | undefined;

  /** Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense. */
  constructor(options: SimplifiedOptions = {}) {
    super();
    const { exclusive = false, durable = false, timeout = "10s" } = options;
    if (typeof exclusive !== "boolean" || typeof durable !== "boolean") {
      throw invalid("exclusive and durable must be true or false");
    }
    this.#options = checkStorageOptions(options);
    this.#timeout = toMillis(timeout, "timeout");
    this.capabilities = Object.freeze({
      streams: false,
      conditional: exclusive,
      tags: false,
      durable,
      shared: false,
    });
  }

  /** What was stored last under this key, or `null`. */
  abstract load(key: string): Promise<Uint8Array | null>;

  /**
   * Replaces what is under this key, or removes it (`null`). When it resolves, the next `load` must see it. From `expiresAt` on,
   * in milliseconds since the epoch, the medium may remove it by itself; `null` for never.
   */
  abstract store(key: string, data: Uint8Array | null, expiresAt: number | null): Promise<void>;

  protected override coreStorage(): StorageCore {
    return (this.#storage ??= this.#open());
  }

  #open(): StorageCore {
    const { idle, absolute, sessionBytes, clock } = this.#options;
    const { conditional, durable } = this.capabilities;
    const load = (key: string): Promise<Uint8Array | null> => withTimeout(this.load(key), this.#timeout);
    const store = (key: string, data: Uint8Array | null, expiresAt: number | null): Promise<void> =>
      this.#store(key, data, expiresAt);
    return core().simplifiedStorage(load, store, idle, absolute, sessionBytes, conditional, durable, clock);
  }

  async #store(key: string, data: Uint8Array | null, expiresAt: number | null): Promise<void> {
    const before = this.#givenUp.get(key);
    if (before !== undefined) await withTimeout(before, this.#timeout);
    const patience = new Patience(this.#timeout);
    const stored = this.store(key, data, expiresAt);
    try {
      await withTimeout(stored, this.#timeout, patience);
    } catch (error) {
      if (patience.isOver) {
        const ended = (): void => void this.#givenUp.delete(key);
        this.#givenUp.set(key, Promise.resolve(stored).then(ended, ended));
      }
      throw error;
    }
  }
}

// Its own `load` and `store` are called by the core.
declareBuiltIn(SimplifiedSessionStorage);
