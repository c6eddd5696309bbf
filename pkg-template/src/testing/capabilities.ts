import type { MemoryOptions, SessionStorage, StorageCapabilities } from "../types.js";

/** The two functions of a test runner that the kit calls: of `node:test`, Vitest, Mocha, `bun:test`, Deno's bdd, … */
export interface TestRunner {
  describe(name: string, define: () => void): unknown;
  it(name: string, run: () => Promise<void>): unknown;
}

/** What the kit hands to a factory. The clock is always given; limits only where the storage declares them. */
export interface FactoryOptions extends MemoryOptions {
  clock: () => number;
}

/** Makes a fresh and empty storage. It is called at least once per case. */
export type StorageFactory<S extends SessionStorage = SessionStorage> = (
  options: FactoryOptions,
) => S | PromiseLike<S>;

/** The limits that a storage enforces. */
export interface TestedLimits {
  /** More content than this in one session is refused with `ERR_SESSION_TOO_LARGE`. */
  readonly maxSessionBytes?: boolean;
  /** The storage holds no more bytes than this, and knows `whenFull`. */
  readonly maxBytes?: boolean;
  /** The storage holds no more sessions than this, and knows `whenFull`. */
  readonly maxSessions?: boolean;
}

/**
 * What a storage says of itself. Whatever is left out counts as "cannot", and is not skipped: a
 * storage that cannot do conditional writes, tags or timeouts must refuse them with
 * `ERR_SESSION_UNSUPPORTED`, because a request that is silently dropped is worse than one refused.
 *
 * `{}` describes a storage that has `write`, `read` and `invalidate` and nothing else.
 */
export interface TestedCapabilities<
  S extends SessionStorage = SessionStorage,
> extends Partial<StorageCapabilities> {
  /** The storage is a `BuiltInStorage`: it has `get`, `set`, `touch` and the rest beside the three methods. */
  readonly wholeValues?: boolean;
  /** `idleTimeout` and `absoluteTimeout` are enforced. */
  readonly timeouts?: boolean;
  /**
   * The factory honours `options.clock`. The kit never sleeps: without it only the checking of durations can be
   * tested, and that a long one does not expire at once.
   */
  readonly clock?: boolean;
  /** `sweep()` and `stats()` see every session. Where they cannot, they may reject with `ERR_SESSION_UNSUPPORTED`. */
  readonly housekeeping?: boolean;
  readonly limits?: TestedLimits;
  /**
   * Closes the storage as a process does that ends, and opens its sessions anew. Needed where `durable` is declared.
   */
  readonly reopen?: (storage: S, options: FactoryOptions) => S | PromiseLike<S>;
  /** Opens a second storage over the same sessions, while the first is in use. Needed where `shared` is declared. */
  readonly join?: (storage: S, options: FactoryOptions) => S | PromiseLike<S>;
  /** Damages what is kept of one session, as a failing disk does. Given, it turns the cases of C12 on. */
  readonly damage?: (storage: S, id: string) => void | PromiseLike<void>;
  /** Cleans up after a case, once the storage was closed, also where the case failed. */
  readonly discard?: (storage: S) => void | PromiseLike<void>;
  /** Given, it is held to C8: 256 random bits. */
  readonly generateSessionId?: () => string;
  /** How long a case may take, in milliseconds, before it fails as one that hangs. Default: 10,000. */
  readonly patience?: number;
  /** Where the random operations start from; a failure names it. Default: 1. */
  readonly seed?: number;
}

/** The capabilities with nothing left open, as the cases read them. */
export interface Capabilities extends StorageCapabilities {
  readonly wholeValues: boolean;
  readonly timeouts: boolean;
  readonly clock: boolean;
  readonly housekeeping: boolean;
  readonly limits: Required<TestedLimits>;
  readonly patience: number;
  readonly seed: number;
  readonly reopen?: (
    storage: SessionStorage,
    options: FactoryOptions,
  ) => SessionStorage | PromiseLike<SessionStorage>;
  readonly join?: (
    storage: SessionStorage,
    options: FactoryOptions,
  ) => SessionStorage | PromiseLike<SessionStorage>;
  readonly damage?: (storage: SessionStorage, id: string) => void | PromiseLike<void>;
  readonly discard?: (storage: SessionStorage) => void | PromiseLike<void>;
  readonly generateSessionId?: () => string;
}

export function complete<S extends SessionStorage>(declared: TestedCapabilities<S>): Capabilities {
  if (declared.durable === true && declared.reopen === undefined) {
    throw new TypeError(
      "A storage declared durable needs `reopen`, so that the kit can look for its sessions again.",
    );
  }
  if (declared.shared === true && declared.join === undefined) {
    throw new TypeError("A storage declared shared needs `join`, so that the kit can use it from two sides.");
  }
  // The hooks only ever get storages that this storage's own factory made.
  const hooks = declared as unknown as Capabilities;
  return {
    ...hooks,
    streams: declared.streams ?? false,
    conditional: declared.conditional ?? false,
    tags: declared.tags ?? false,
    durable: declared.durable ?? false,
    shared: declared.shared ?? false,
    wholeValues: declared.wholeValues ?? false,
    timeouts: declared.timeouts ?? false,
    clock: declared.clock ?? false,
    housekeeping: declared.housekeeping ?? false,
    limits: { maxSessionBytes: false, maxBytes: false, maxSessions: false, ...declared.limits },
    patience: declared.patience ?? 10_000,
    seed: declared.seed ?? 1,
  };
}
