import { capabilitiesOf, checkDelegate } from "../delegate.js";
import { SessionError } from "../error.js";
import { checkId } from "../id.js";
import { checkObject, invalid } from "../options.js";
import { Records, hasCode } from "../sessions/records.js";
import { inTurn } from "../sessions/turns.js";
import type { SessionInfo, SessionStorage, WriteOptions } from "../types.js";
import { decode } from "../window.js";

/** The options of `betterAuthStorage`. */
export interface BetterAuthOptions {
  /** Stands before each key, so that several stores can share a storage. Default: none. */
  prefix?: string | undefined;
  /** Where time comes from; it must be the storage's own. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** The `secondaryStorage` of better-auth. */
export interface BetterAuthStorage {
  get(key: string): Promise<string | null>;
  /**
   * Stores a value for so many **seconds**; left out, for ever. Zero or less is over at once: the key is removed. A key that
   * is deleted while this is under way is gone.
   */
  set(key: string, value: string, ttl?: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** The value, for one caller alone: of many at the same time the others get `null`. */
  getAndDelete(key: string): Promise<string | null>;
  /**
   * Adds one and answers the sum, without losing any of many at the same time. A key that is not there begins at 1, and lives
   * for so many **seconds** from then, however often it is incremented.
   */
  increment(key: string, ttl: number): Promise<number>;
}

/** More conflicts than this in a row come of a storage that does not do what it declares. */
const ROUNDS = 1_000;

/** How long the rest of a value that was taken stays, in milliseconds: it is none already. */
const TAKEN = 1;

/**
 * Any storage with conditional writes as the `secondaryStorage` of better-auth, between any number of processes.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense, or a storage without conditional writes.
 *
 * @example
 * ```js
 * import { betterAuth } from "better-auth";
 * import { DirectoryStorage } from "sessile";
 * import { betterAuthStorage } from "sessile/stores";
 *
 * const auth = betterAuth({ database, secondaryStorage: betterAuthStorage(new DirectoryStorage("./auth")) });
 * ```
 */
export function betterAuthStorage(
  storage: SessionStorage,
  options: BetterAuthOptions = {},
): BetterAuthStorage {
  const records = new Records(checkDelegate(storage));
  checkObject(options);
  const { prefix = "", clock = Date.now } = options;
  if (typeof prefix !== "string") throw invalid("prefix must be a string");
  if (typeof clock !== "function") throw invalid("clock must be a function");
  if (!capabilitiesOf(storage).conditional) {
    throw invalid("this storage has no conditional writes: getAndDelete and increment need them");
  }
  const secondary = new SecondaryStorage(records, prefix, clock);
  // better-auth takes methods from the object and calls them alone.
  return {
    get: (key) => secondary.get(key),
    set: (key, value, ttl) => secondary.set(key, value, ttl),
    delete: (key) => secondary.delete(key),
    getAndDelete: (key) => secondary.getAndDelete(key),
    increment: (key, ttl) => secondary.increment(key, ttl),
  };
}

/** What lies under a key: no value where it was taken. */
interface Found {
  readonly value: string | undefined;
  readonly info: SessionInfo;
}

class SecondaryStorage implements BetterAuthStorage {
  readonly #records: Records;
  readonly #prefix: string;
  readonly #clock: () => number;

  constructor(records: Records, prefix: string, clock: () => number) {
    this.#records = records;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  async get(key: string): Promise<string | null> {
    return (await this.#find(this.#id(key)))?.value ?? null;
  }

  async set(key: string, value: string, ttl?: number): Promise<void> {
    if (typeof value !== "string" || value === "") throw invalid("a value must be a string, and not empty");
    const idleTimeout = ttl == null ? null : millis(ttl);
    if (idleTimeout !== null && idleTimeout <= 0) await this.delete(key);
    else await this.#records.put(this.#id(key), value, { idleTimeout, absoluteTimeout: null });
  }

  async delete(key: string): Promise<void> {
    await this.#records.invalidate(this.#id(key));
  }

  async getAndDelete(key: string): Promise<string | null> {
    return this.#step(key, (found) => {
      if (found?.value === undefined) return { answer: null };
      // An invalidate would also take what others set after the value was read.
      return { answer: found.value, write: "", options: { idleTimeout: TAKEN } };
    });
  }

  async increment(key: string, ttl: number): Promise<number> {
    const lifetime = millis(ttl);
    if (lifetime <= 0) throw invalid("a counter needs a ttl of more than zero seconds");
    return this.#step(key, (found) => {
      const count = found?.value === undefined ? 0 : Number(found.value);
      if (!Number.isSafeInteger(count)) throw invalid("what is under this key is no counter");
      const answer = count + 1;
      if (found?.value !== undefined) return { answer, write: String(answer), options: {} };
      // What was taken has left an age, from which the absolute timeout counts.
      const age = found === undefined ? 0 : this.#clock() - found.info.createdAt;
      const options = { idleTimeout: null, absoluteTimeout: age + lifetime };
      return { answer, write: String(answer), options };
    });
  }

  /** Reads and writes in one step: if anybody has written between, it begins again. */
  async #step<R>(key: string, decide: (found: Found | undefined) => Step<R>): Promise<R> {
    const id = this.#id(key);
    return inTurn(this.#records.storage, id, async () => {
      for (let round = 1; ; round += 1) {
        const found = await this.#find(id);
        const { answer, write, options } = decide(found);
        if (write === undefined) return answer;
        try {
          await this.#records.write(id, write, { ...options, ifRevision: found?.info.revision ?? null });
          return answer;
        } catch (error) {
          if (!hasCode(error, "ERR_SESSION_CONFLICT")) throw error;
          if (round === ROUNDS) {
            throw new SessionError("ERR_SESSION_CONFLICT", `others wrote in each of ${ROUNDS} rounds`);
          }
        }
      }
    });
  }

  #id(key: string): string {
    checkId(key);
    return this.#prefix + key;
  }

  async #find(id: string): Promise<Found | undefined> {
    const found = await this.#records.bytes(id);
    if (found === undefined) return undefined;
    return { value: found.data.length === 0 ? undefined : decode(found.data), info: found.info };
  }
}

interface Step<R> {
  readonly answer: R;
  readonly write?: string;
  readonly options?: WriteOptions;
}

function millis(ttl: unknown): number {
  if (typeof ttl === "number" && !Number.isNaN(ttl)) return ttl * 1_000;
  throw invalid("ttl must be a number of seconds");
}
