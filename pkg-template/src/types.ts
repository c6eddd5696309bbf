import type { Changes } from "./coherence.js";

/**
 * A length of time. A number is **milliseconds**, everywhere; a string carries its unit: `"500ms"`,
 * `"90s"`, `"30m"`, `"12h"`, `"7d"`. It must be more than zero and at most 100 years
 * (`"36500d"`); anything else is refused with `ERR_SESSION_INVALID_OPTION`, so that no typing
 * error becomes "for ever".
 */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** What a write may ask for beside its bytes. */
export interface WriteOptions {
  /**
   * The session expires when it has not been written or touched for this long. `null`: never for
   * this reason. Left out: an existing session keeps its own, a new one takes the storage's.
   */
  idleTimeout?: Duration | null | undefined;
  /** The session expires this long after it was created, whatever happens. As {@link idleTimeout}. */
  absoluteTimeout?: Duration | null | undefined;
  /**
   * Makes the write conditional (C5): a revision means "only if this one is current", `null` means
   * "only if there is no session". Otherwise it rejects with `ERR_SESSION_CONFLICT` and nothing changes.
   */
  ifRevision?: string | null | undefined;
  /** Names under which the session can be found and revoked, such as a user's id. Left out: as they were. */
  tags?: readonly string[] | undefined;
  /** Gives up the write: nothing is changed, and the write rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** What is known of one revision of a session. Never its id. */
export interface SessionInfo {
  /** Names this committed state; a later write makes another. Opaque: compare it, never parse it. */
  readonly revision: string;
  /** The length of the session's content, where the storage knows it before reading. */
  readonly byteLength?: number;
  /** When the session was first written, in milliseconds since the epoch. */
  readonly createdAt: number;
  /** When it expires unless it is written or touched before; absent where it never does. */
  readonly expiresAt?: number;
  /** How long it lives without activity, in milliseconds (C7); absent where that has no bound. */
  readonly idleTimeout?: number;
  /** How long it lives at most from its creation, in milliseconds (C7); absent where that has no bound. */
  readonly absoluteTimeout?: number;
  /** The session's tags, in the order in which they were given. */
  readonly tags: readonly string[];
}

/**
 * What a session storage is: three methods, each told of in full by the contract, C1 to C13. The
 * built-in storages have them, and a storage of your own needs no others: prove it with
 * `testSessionStorage` of `sessile/testing`.
 */
export interface SessionStorage {
  /**
   * Creates or replaces a session with the bytes that `provider` writes into the channel. The new
   * state becomes visible all at once when the provider has ended well (C1); if it throws, aborts the
   * channel or the signal fires, the session is as it was, and the write rejects with that very reason.
   * The provider need not close the channel.
   *
   * @returns the new revision
   */
  write(
    id: string,
    provider: (channel: WritableStream<Uint8Array>) => void | PromiseLike<void>,
    options?: WriteOptions,
  ): Promise<string>;

  /**
   * Gives `consumer` one revision of the session as a stream, first byte to last (C2), and resolves
   * with what the consumer answers. The consumer may stop early: the storage closes the channel.
   * A missing or expired session rejects with `ERR_SESSION_NOT_FOUND`, without calling it (C3).
   */
  read<R>(
    id: string,
    consumer: (channel: ReadableStream<Uint8Array>, info: SessionInfo) => R | PromiseLike<R>,
  ): Promise<R>;

  /**
   * Ends a session for good: no write or touch that began before can bring it back (C4). Idempotent.
   *
   * @returns whether there was a session
   */
  invalidate(id: string): Promise<boolean>;
}

/** What `set` takes as a session's content. A string is stored as UTF-8. */
export type SessionData =
  Uint8Array | ArrayBuffer | string | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** What a storage can do; the conformance kit checks what is declared here, and that the rest is refused. */
export interface StorageCapabilities {
  /** Content passes through in pieces, never whole in memory beside the storage's own copy. */
  readonly streams: boolean;
  /** `ifRevision` is honoured, in one step with the write, by all who share the storage. */
  readonly conditional: boolean;
  /** Sessions can be tagged, listed and invalidated by tag. */
  readonly tags: boolean;
  /** Sessions outlive the process. */
  readonly durable: boolean;
  /** Several processes, tabs or machines can use the same sessions. */
  readonly shared: boolean;
}

/** What a storage has counted since it was made, and what it holds now. */
export interface StorageStats {
  /** Sessions held now. Expired ones count until they are swept. */
  readonly sessions: number;
  /** Bytes of content held now, and of ids where those are kept. */
  readonly bytes: number;
  /** Sessions removed to make room (`whenFull: "evict"`). */
  readonly evicted: number;
  /** Sessions removed because they had expired. */
  readonly expired: number;
}

/** What the built-in storages have beyond the contract: whole values, housekeeping, tags. */
export interface BuiltInStorage extends SessionStorage, AsyncDisposable {
  /** The whole content and its info, or `undefined` where there is no session. Makes no stream. */
  get(id: string): Promise<{ data: Uint8Array; info: SessionInfo } | undefined>;
  /** Creates or replaces a session; resolves with the new revision. Whole values make no stream. */
  set(id: string, data: SessionData, options?: WriteOptions): Promise<string>;
  /** The content parsed as JSON, or `undefined` where there is no session. */
  getJson<T = unknown>(id: string): Promise<T | undefined>;
  /** As `set`, with the value's JSON. A value that has none (`undefined`, a function) is refused. */
  setJson(id: string, value: unknown, options?: WriteOptions): Promise<string>;
  /** What is known of a session without its content, or `undefined`. */
  info(id: string): Promise<SessionInfo | undefined>;
  /** Counts as activity (C7) without rewriting anything; resolves with whether there was a session. */
  touch(id: string): Promise<boolean>;
  /** Removes expired sessions; resolves with how many. Writes sweep a little too, so nobody must call it. */
  sweep(): Promise<number>;
  stats(): Promise<StorageStats>;
  /** The sessions that carry a tag (C13). */
  listTagged(tag: string): AsyncIterable<SessionInfo>;
  /** Invalidates the sessions that carry a tag; resolves with how many. */
  invalidateTagged(tag: string): Promise<number>;
  readonly capabilities: StorageCapabilities;
  /** Frees what the storage holds; afterwards every call rejects with `ERR_SESSION_CLOSED`. Idempotent. */
  close(): Promise<void>;
}

/** Limits and timeouts that every built-in storage takes. */
export interface StorageOptions {
  /** For sessions whose write does not say: see {@link WriteOptions.idleTimeout}. Default: none. */
  idleTimeout?: Duration | null | undefined;
  /** For sessions whose write does not say: see {@link WriteOptions.absoluteTimeout}. Default: none. */
  absoluteTimeout?: Duration | null | undefined;
  /** The largest content of one session, in bytes; more is refused with `ERR_SESSION_TOO_LARGE`. Default: none. */
  maxSessionBytes?: number | undefined;
  /** Where time comes from: milliseconds since the epoch, as `Date.now` (the default). For tests. */
  clock?: (() => number) | undefined;
}

/** The options of `SessionStorageMemory`. */
export interface MemoryOptions extends StorageOptions {
  /** The most bytes of content and ids held at once. Default: none. */
  maxBytes?: number | undefined;
  /** The most sessions held at once. Default: none. */
  maxSessions?: number | undefined;
  /**
   * What a write meets in a full storage: `"evict"` (the default) makes room by removing the least
   * recently used sessions; `"reject"` refuses it with `ERR_SESSION_QUOTA`, so that a flood of new
   * sessions cannot push out those of real users.
   */
  whenFull?: "evict" | "reject" | undefined;
}

/** The options of `DirectoryStorage`. */
export interface DirectoryOptions extends StorageOptions {
  /**
   * What a power cut may undo of a write that has resolved (C9): with `"relaxed"` (the default) the last moments,
   * though no session is left half written; with `"strict"` nothing. A crash of the process undoes nothing in any case.
   */
  durability?: "relaxed" | "strict" | undefined;
  /**
   * How files are read and written on a server. A small file that the system holds in memory is read in microseconds,
   * a twentieth of what the way over a thread costs; but a thread that waits for a slow disk serves nobody.
   * `"auto"` (the default) waits for small files, and for a second it does not once a call took over 4 ms; `"async"`
   * never waits; `"sync"` always does.
   */
  io?: "auto" | "async" | "sync" | undefined;
}

/** The options of `directorySessionStorage`. */
export interface DirectorySessionStorageOptions extends DirectoryOptions {
  /** Whether a cache of one minute stands in front, or that cache's own options. Default: true. */
  cached?: boolean | CacheOptions | undefined;
}

/** The options of `CacheStorage`. */
export interface CacheOptions {
  /** An entry leaves that was not read for this long. Default: one minute; `null` for no bound. */
  idleTimeout?: Duration | null | undefined;
  /**
   * An entry is asked for again at this age, however often it is read. It bounds how long a change that others made in
   * a shared storage stays unseen. Default: one minute over a shared storage, one that does not say, or one without conditional
   * writes; elsewhere none.
   */
  absoluteTimeout?: Duration | null | undefined;
  /** The most bytes of ids, contents and tags that are kept. Default: 64 MiB. */
  maxBytes?: number | undefined;
  /** The most sessions that are kept. Default: 100,000. */
  maxSessions?: number | undefined;
  /** A larger content passes by the cache, in both directions. Default: 1 MiB. */
  maxEntryBytes?: number | undefined;
  /**
   * A whole write of what the cache knows to be there already becomes a touch: no content is sent, and the revision
   * stays. Has no effect over a shared storage or one without conditional writes, where others may have written meanwhile, nor
   * where there is no `touch`. Default: false.
   */
  skipEqualWrites?: boolean | undefined;
  /**
   * How long each call of a delegate that is no built-in storage may take, or each piece of its streams; after that, the caller gets
   * `ERR_SESSION_STORAGE`, and cannot know whether it happened. Default: 30 seconds; `null` for no bound.
   */
  timeout?: Duration | null | undefined;
  /** Where time comes from; it must be the delegate's own. Default: `Date.now`. */
  clock?: (() => number) | undefined;
  /** Tells what others have changed, so that it leaves the cache at once and not at its age: see {@link Changes}. Default: none. */
  changes?: Changes | undefined;
}

/** What a `CacheStorage` holds, and has counted since it was made. */
export interface CacheStats {
  /** Reads that were answered from memory. */
  readonly hits: number;
  /** Reads that were not. */
  readonly misses: number;
  /** Calls of the delegate that the misses came to; fewer than these where several wanted the same. */
  readonly fills: number;
  /** Entries that made room for others. */
  readonly evicted: number;
  /** Entries held now. */
  readonly sessions: number;
  /** Bytes held now. */
  readonly bytes: number;
}

/** The options of `SharedSessionStorage`. */
export interface SharedOptions extends StorageOptions {
  /** Declares that the place outlives the process. Default: true. */
  durable?: boolean | undefined;
  /**
   * How long each call of your methods may take; after that, the caller gets `ERR_SESSION_STORAGE`, and cannot know whether it
   * happened. Default: 10 seconds.
   */
  timeout?: Duration | undefined;
}

/** A record as `SharedSessionStorage` finds it in your place. */
export interface VersionedRecord {
  /** The bytes that were stored. */
  readonly data: Uint8Array;
  /**
   * Names this state of the record among all that ever were under its key: one that comes again, also after the record was
   * removed and made anew, would let a write pass that must fail.
   */
  readonly version: string;
}

/** A record that `SharedSessionStorage` asks you to store. */
export interface NewRecord {
  /** Its bytes. */
  readonly data: Uint8Array;
  /** The length of the session's content; `null` where the record is no session, but remembers that one ended. */
  readonly byteLength: number | null;
  /**
   * When it expires, in milliseconds since the epoch; `null` for never. A place that removes what has expired by itself does so an hour
   * later at the earliest.
   */
  readonly expiresAt: number | null;
  /** The tags by which `tagged` must find it. */
  readonly tags: readonly string[];
}

/** The options of `SimplifiedSessionStorage`. */
export interface SimplifiedOptions extends StorageOptions {
  /**
   * Promises that nobody but this one storage object writes to the medium. Then conditional writes are
   * offered (C5): two plain functions cannot make check and write one step for others. Default: false.
   */
  exclusive?: boolean | undefined;
  /** Declares that the medium outlives the process. Default: false. */
  durable?: boolean | undefined;
  /**
   * How long each call of your methods may take; after that, the caller gets `ERR_SESSION_STORAGE`, and cannot know whether it
   * happened. While a `store` that took longer is still at work, other writes of its session fail alike. Default: 10 seconds.
   */
  timeout?: Duration | undefined;
}
