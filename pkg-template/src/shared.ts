import { declareBuiltIn } from "./delegate.js";
import { toMillis } from "./duration.js";
import { SessionError } from "./error.js";
import { checkStorageOptions, invalid, type CheckedStorageOptions } from "./options.js";
import { CoreStorage } from "./storage.js";
import { withTimeout } from "./timeout.js";
import type { NewRecord, SharedOptions, StorageCapabilities, VersionedRecord } from "./types.js";
import { core } from "./wasm.js";
import type { StorageCore } from "./wasm/sessile.js";

/**
 * A whole storage for many machines, made of two methods: you write `load` and `replace`, which is a compare-and-set; streams,
 * timeouts, revisions, checksums, conditional writes and the finality of a logout are its work, for all machines that use
 * the same place.
 *
 * The key is the SHA-256 of the session's id in 64 lowercase hexadecimal digits: safe as a database key, and a leaked
 * database holds no usable id (C8). The bytes are a record with header and checksum: store them as they are. What your
 * methods throw comes back as it is.
 *
 * A session is whole in memory while it is written or read, and a touch stores it again. The machines' clocks decide what has
 * expired.
 *
 * @example
 * ```js
 * import { SharedSessionStorage } from "sessile";
 *
 * const rows = new Map();
 * let versions = 0;
 *
 * class InRows extends SharedSessionStorage {
 *   async load(key) {
 *     return rows.get(key) ?? null;
 *   }
 *   async replace(key, version, record) {
 *     if ((rows.get(key)?.version ?? null) !== version) return false;
 *     if (record === null) rows.delete(key);
 *     else rows.set(key, { data: record.data, version: String((versions += 1)) });
 *     return true;
 *   }
 * }
 *
 * const storage = new InRows({ idleTimeout: "30m" });
 * await storage.set("an id", "hello");
 * ```
 */
export abstract class SharedSessionStorage extends CoreStorage {
  readonly capabilities: StorageCapabilities;

  readonly #options: CheckedStorageOptions;
  readonly #timeout: number;
  #storage: StorageCore | undefined;

  /** Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense. */
  constructor(options: SharedOptions = {}) {
    super();
    this.#options = checkStorageOptions(options);
    const { durable = true, timeout = "10s" } = options;
    if (typeof durable !== "boolean") throw invalid("durable must be true or false");
    this.#timeout = toMillis(timeout, "timeout");
    this.capabilities = Object.freeze({
      streams: false,
      conditional: true,
      tags: typeof this.tagged === "function",
      durable,
      shared: true,
    });
  }

  /** What is under this key, and by which version to replace it; `null` for nothing. */
  abstract load(key: string): Promise<VersionedRecord | null>;

  /**
   * Puts `record` in the place of the one of that version (`null`: of nothing), or removes that one (`null`), as one step for
   * all machines. Resolves with `false`, and changes nothing, where something else is there by now. When it has resolved,
   * the next `load` of any machine must see it. After a failure it may have happened or not; it is not tried again.
   */
  abstract replace(key: string, version: string | null, record: NewRecord | null): Promise<boolean>;

  /**
   * The keys of all records that carry a tag, and perhaps of some that did. One that was replaced before this call must be
   * among them. A storage without this method has no tags.
   */
  tagged?(tag: string): Promise<readonly string[]>;

  /** The keys of at most `limit` records that expired by `now`. Leave it out where the place removes them itself. */
  expired?(now: number, limit: number): Promise<readonly string[]>;

  /** How many records are sessions, and the sum of their `byteLength`. Without it, there are no `stats()`. */
  count?(): Promise<{ sessions: number; bytes: number }>;

  protected override coreStorage(): StorageCore {
    return (this.#storage ??= this.#open());
  }

  #open(): StorageCore {
    const { idle, absolute, sessionBytes, clock } = this.#options;
    const { tags, durable } = this.capabilities;
    return core().recordStorage(this.#records(), tags, durable, idle, absolute, sessionBytes, clock);
  }

  async #tagged(tag: string): Promise<readonly string[]> {
    if (this.tagged !== undefined) return this.tagged(tag);
    throw new SessionError("ERR_SESSION_UNSUPPORTED", "this storage keeps no tags: see its capabilities");
  }

  /** The methods as the core calls them, their answers checked. */
  #records(): CheckedRecords {
    const within = <T>(answer: Promise<T>): Promise<T> => withTimeout(answer, this.#timeout);
    return {
      load: async (key) => {
        const found = await within(this.load(key));
        if (found == null) return null;
        if (found.data instanceof Uint8Array && typeof found.version === "string") return found;
        throw rubbish("load() must resolve with { data, version }, or null");
      },
      replace: async (key, version, data, byteLength, expiresAt, tags) => {
        const orNull = (number: number): number | null => (Number.isNaN(number) ? null : number);
        const record = data && {
          data,
          byteLength: orNull(byteLength),
          expiresAt: orNull(expiresAt),
          tags,
        };
        const replaced = await within(this.replace(key, version, record));
        if (typeof replaced === "boolean") return replaced;
        throw rubbish("replace() must resolve with true or false");
      },
      list: async (tag, now, limit) => {
        if (tag !== undefined) return keys(await within(this.#tagged(tag)), "tagged");
        return this.expired === undefined ? [] : keys(await within(this.expired(now, limit)), "expired");
      },
      count: async () => {
        if (this.count === undefined) {
          throw new SessionError("ERR_SESSION_UNSUPPORTED", "this storage cannot count what it holds");
        }
        const { sessions, bytes } = await within(this.count());
        if (isCount(sessions) && isCount(bytes)) return [sessions, bytes];
        throw rubbish("count() must resolve with { sessions, bytes }");
      },
    };
  }
}

// Its own `load` and `replace` are called by the core.
declareBuiltIn(SharedSessionStorage);

interface CheckedRecords {
  load(key: string): Promise<VersionedRecord | null>;
  replace(
    key: string,
    version: string | null,
    data: Uint8Array | null,
    byteLength: number,
    expiresAt: number,
    tags: string[],
  ): Promise<boolean>;
  /** Those with a tag, or else those that have expired. */
  list(tag: string | undefined, now: number, limit: number): Promise<string[]>;
  count(): Promise<[sessions: number, bytes: number]>;
}

function keys(found: unknown, method: string): string[] {
  if (Array.isArray(found) && found.every((key) => typeof key === "string")) return found;
  throw rubbish(`${method}() must resolve with an array of keys`);
}

function isCount(number: unknown): boolean {
  return typeof number === "number" && Number.isInteger(number) && number >= 0;
}

function rubbish(message: string): SessionError {
  return new SessionError("ERR_SESSION_STORAGE", message);
}
