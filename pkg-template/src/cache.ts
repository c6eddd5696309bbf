import { checkChanges, keepCoherent, type Changes } from "./coherence.js";
import { capabilitiesOf, checkDelegate, declareBuiltIn, delegateCore } from "./delegate.js";
import { SessionError } from "./error.js";
import { checkLimit, checkStorageOptions, invalid, timeoutNumber } from "./options.js";
import { CoreStorage, notJson } from "./storage.js";
import type { CacheOptions, CacheStats, SessionInfo, SessionStorage, StorageCapabilities } from "./types.js";
import { timed } from "./timed.js";
import { core } from "./wasm.js";
import type { CacheCore, StorageCore } from "./wasm/sessile.js";
import { answer, cell, copyAt, decodeAt, placeId } from "./window.js";

/** What the core answers where nothing is kept of a session. */
const ASK = 1;

/**
 * Keeps what was read and written lately in memory, in front of any other storage, also one of your own.
 *
 * A read that finds its session here costs the delegate nothing; many who miss the same session at once cost it one
 * call. A write goes to the delegate first, and is kept when that has committed it. What a session was before a write,
 * a touch or an invalidate never comes back, whichever reads were under way meanwhile.
 *
 * Conditional writes and the finality of an invalidate are the delegate's work, also between processes. But what another
 * process wrote or invalidated is seen here only when the entry leaves: after `absoluteTimeout` at the latest, which is
 * one minute over a shared storage or one without conditional writes, or as soon as `changes` tells of it. So a cache does not declare itself `shared`; who is
 * told of changes in another way calls `forget`. Modelled on Ktor's `CacheStorage`; closing it closes the delegate.
 *
 * @example
 * ```js
 * import { CacheStorage, DirectoryStorage } from "sessile";
 *
 * const storage = new CacheStorage(new DirectoryStorage("./sessions"), { maxBytes: 16_000_000 });
 * await storage.setJson("an id", { user: 17 });
 * await storage.getJson("an id"); // from memory
 * ```
 */
export class CacheStorage extends CoreStorage {
  readonly capabilities: StorageCapabilities;

  readonly #delegate: SessionStorage;
  readonly #options: CheckedCacheOptions;
  #core: CacheCore | undefined;
  #storage: StorageCore | undefined;
  #endChanges: () => void = () => {};

  /** Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense, or a delegate that is no storage. */
  constructor(delegate: SessionStorage, options: CacheOptions = {}) {
    super();
    this.#delegate = checkDelegate(delegate);
    this.#options = checkCacheOptions(options);
    this.capabilities = Object.freeze({ ...capabilitiesOf(delegate), shared: false });
    const { changes, sessions } = this.#options;
    if (changes !== undefined) this.#endChanges = keepCoherent(this, changes, sessions);
  }

  override async get(id: string): Promise<{ data: Uint8Array; info: SessionInfo } | undefined> {
    const core = this.#cache();
    const now = this.#time();
    const idBytes = placeId(id);
    const address = answer(core.find(idBytes, now));
    if (address === ASK) return super.get(id);
    return address === 0 ? undefined : { data: copyAt(address, cell(0)), info: found(core, idBytes, now) };
  }

  override async getJson<T = unknown>(id: string): Promise<T | undefined> {
    const core = this.#cache();
    const now = this.#time();
    const address = answer(core.find(placeId(id), now));
    if (address === ASK) return super.getJson(id);
    if (address === 0) return undefined;
    try {
      return JSON.parse(decodeAt(address, cell(0))) as T;
    } catch (cause) {
      throw notJson(cause);
    }
  }

  /** What the cache holds, and has counted since it was made. */
  cacheStats(): CacheStats {
    return this.#cache().stats() as CacheStats;
  }

  /** Drops what is kept of a session that somebody else has changed, or of all: the next read asks the delegate. */
  forget(id?: string): void {
    this.#cache().forget(id);
  }

  override async close(): Promise<void> {
    this.#endChanges();
    await super.close();
  }

  protected override coreStorage(): StorageCore {
    return (this.#storage ??= this.#cache().storage());
  }

  /** As a number, and no object that would run its own code when it is turned into one, with the window filled. */
  #time(): number {
    return Number(this.#options.clock());
  }

  #cache(): CacheCore {
    return (this.#core ??= this.#open());
  }

  /** A closed cache has nothing to forget. */
  #changedLate(id: string | undefined): void {
    try {
      this.forget(id);
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== "ERR_SESSION_CLOSED") throw error;
    }
  }

  #open(): CacheCore {
    const { idle, absolute, bytes, sessions, entryBytes, skipEqualWrites, clock, timeout } = this.#options;
    const delegate = delegateCore(this.#delegate, (own) =>
      timed(own, timeout, (id) => this.#changedLate(id)),
    );
    const { CacheCore } = core();
    return new CacheCore(delegate, idle, absolute, bytes, sessions, entryBytes, skipEqualWrites, clock);
  }
}

declareBuiltIn(CacheStorage);

/** The info that `find` left in the cells. */
function found(core: CacheCore, idBytes: number, now: number): SessionInfo {
  const [byteLength, address, length, createdAt] = [cell(0), cell(1), cell(2), cell(3)];
  const [expiresAt, idleTimeout, absoluteTimeout, tags] = [cell(4), cell(5), cell(6), cell(7)];
  // No spreads: they cost a third of a hit.
  const info: { -readonly [name in keyof SessionInfo]: SessionInfo[name] } = {
    revision: decodeAt(address, length),
    byteLength,
    createdAt,
    tags: [],
  };
  if (!Number.isNaN(expiresAt)) info.expiresAt = expiresAt;
  if (!Number.isNaN(idleTimeout)) info.idleTimeout = idleTimeout;
  if (!Number.isNaN(absoluteTimeout)) info.absoluteTimeout = absoluteTimeout;
  if (tags > 0) info.tags = Array.from({ length: tags }, (_, index) => core.tag(idBytes, now, index) ?? "");
  return info;
}

interface CheckedCacheOptions {
  readonly idle: number;
  readonly absolute: number;
  readonly bytes: number;
  readonly sessions: number;
  readonly entryBytes: number;
  readonly skipEqualWrites: boolean;
  readonly clock: () => number;
  readonly changes: Changes | undefined;
  readonly timeout: number;
}

function checkCacheOptions(options: CacheOptions): CheckedCacheOptions {
  const { clock } = checkStorageOptions(options);
  const { idleTimeout, absoluteTimeout, skipEqualWrites = false, timeout = "30s" } = options;
  if (typeof skipEqualWrites !== "boolean") throw invalid("skipEqualWrites must be true or false");
  return {
    idle: timeoutNumber(idleTimeout, "idleTimeout"),
    absolute: timeoutNumber(absoluteTimeout, "absoluteTimeout"),
    bytes: checkLimit(options.maxBytes ?? 64 * 1024 * 1024, "maxBytes"),
    sessions: checkLimit(options.maxSessions ?? 100_000, "maxSessions"),
    entryBytes: checkLimit(options.maxEntryBytes ?? 1024 * 1024, "maxEntryBytes"),
    skipEqualWrites,
    clock,
    changes: checkChanges(options.changes),
    timeout: timeoutNumber(timeout, "timeout"),
  };
}
