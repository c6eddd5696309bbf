// The wasm, in the form that this runtime takes.
import "#sessile";
import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { SharedSessionStorage } from "../shared.js";
import type { NewRecord, SharedOptions, VersionedRecord } from "../types.js";
import { keptFor } from "./removal.js";

/** What is used of a `Deno.Kv`. */
export interface DenoKv {
  get(key: any[]): Promise<{ value: any; versionstamp: string | null }>;
  getMany(keys: any[]): Promise<{ value: any; versionstamp: string | null }[]>;
  list(selector: { prefix: any[] }): AsyncIterable<{ key: any; value: any; versionstamp: string }>;
  atomic(): DenoAtomic;
}

/** What is used of a `Deno.AtomicOperation`. */
export interface DenoAtomic {
  check(...checks: { key: any[]; versionstamp: string | null }[]): this;
  set(key: any[], value: unknown, options?: { expireIn?: number }): this;
  delete(key: any[]): this;
  commit(): Promise<{ ok: boolean }>;
}

/** The options of {@link DenoKvStorage}. */
export interface DenoKvOptions extends SharedOptions {
  /** What the keys of all entries begin with. Default: `["sessile"]`. */
  prefix?: readonly string[] | undefined;
}

/** What is stored under a record's key. */
interface Entry {
  readonly byteLength: number | null;
  readonly tags: readonly string[];
  /** A record that is small is in the entry. */
  readonly data?: Uint8Array;
  /** Of a larger one, so many pieces lie under keys of this name. */
  readonly pieces: number;
  readonly name: string;
}

/** A value of Deno KV is at most 64 KiB, of which other fields take a part. */
const PIECE = 48 * 1024;
/** One step writes at most 800 KiB: larger records are laid down in more, before the step that counts. */
const STEP = 12;
/** So many keys can be asked for at once. */
const AT_ONCE = 10;
/** For so long a write tries again while other processes write, in milliseconds. */
const BUSY = 5_000;
/** So often a record is read again that was replaced while its pieces were read. */
const ROUNDS = 64;

/**
 * Sessions in Deno KV, of a file or of Deno Deploy: the whole contract for all isolates that use it, by atomic checks.
 *
 * Deno KV removes what has expired by itself; `sweep()` finds nothing. A process that dies while it writes a session of more than
 * half a megabyte leaves pieces of it behind, for as long as the session would have lived.
 *
 * @example
 * ```js
 * import { DenoKvStorage } from "sessile/deno-kv";
 *
 * const storage = new DenoKvStorage(await Deno.openKv(), { idleTimeout: "30m" });
 * ```
 */
export class DenoKvStorage extends SharedSessionStorage {
  readonly #kv: DenoKv;
  readonly #prefix: readonly string[];
  readonly #clock: () => number;

  constructor(kv: DenoKv, options: DenoKvOptions = {}) {
    super(options);
    const { prefix = ["sessile"], clock = Date.now } = options;
    if (typeof (kv as DenoKv | undefined)?.atomic !== "function") {
      throw invalid("kv must be what Deno.openKv() resolves with");
    }
    if (!Array.isArray(prefix) || !prefix.every((part) => typeof part === "string")) {
      throw invalid("prefix must be an array of strings");
    }
    this.#kv = kv;
    this.#prefix = [...prefix];
    this.#clock = clock;
  }

  override async load(key: string): Promise<VersionedRecord | null> {
    return this.#call(async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { value, versionstamp } = await this.#kv.get(this.#record(key));
        if (versionstamp === null) return null;
        const { data, pieces, name } = value as Entry;
        if (data !== undefined) return { data, version: versionstamp };
        const joined = await this.#joined(key, name, pieces);
        if (joined !== undefined) return { data: joined, version: `${versionstamp}/${name}/${pieces}` };
      }
      throw new Error("the record is replaced faster than it can be read");
    });
  }

  /** The pieces as one; `undefined` where the record was replaced meanwhile. */
  async #joined(key: string, name: string, pieces: number): Promise<Uint8Array | undefined> {
    const keys = Array.from({ length: pieces }, (_, at) => this.#piece(key, name, at));
    const found: Uint8Array[] = [];
    for (let at = 0; at < pieces; at += AT_ONCE) {
      for (const { value } of await this.#kv.getMany(keys.slice(at, at + AT_ONCE))) {
        if (value === null) return undefined;
        found.push(value as Uint8Array);
      }
    }
    const joined = new Uint8Array(found.reduce((sum, piece) => sum + piece.length, 0));
    let end = 0;
    for (const piece of found) {
      joined.set(piece, end);
      end += piece.length;
    }
    return joined;
  }

  override async replace(key: string, version: string | null, record: NewRecord | null): Promise<boolean> {
    const own = this.#record(key);
    const name = crypto.randomUUID();
    const pieces = piecesOf(record?.data);
    const expireIn = keptFor(record?.expiresAt ?? null, this.#clock());
    const expires = expireIn === null ? {} : { expireIn };
    return this.#call(async () => {
      const [versionstamp = null, oldName, oldPieces] = version?.split("/") ?? [];
      const change = this.#kv.atomic().check({ key: own, versionstamp });
      if (record === null) {
        change.delete(own);
      } else {
        const { data, byteLength, tags } = record;
        const whole = pieces.length === 0 ? { data } : {};
        const entry: Entry = { byteLength, tags, pieces: pieces.length, name, ...whole };
        change.set(own, entry, expires);
        // In the same step, so that a tag finds every session that was committed before.
        for (const tag of tags) change.set(this.#tag(tag, key), true, expires);
      }
      // Nobody looks at these before the entry names them.
      for (let at = 0; at < pieces.length; at += STEP) {
        const step = at + STEP < pieces.length ? this.#kv.atomic() : change;
        pieces.slice(at, at + STEP).forEach((piece, next) => {
          step.set(this.#piece(key, name, at + next), piece, expires);
        });
        if (step !== change) await committed(step);
      }
      const { ok } = await committed(change);
      // Of the one that was replaced, or of this one, which was not to be.
      if (ok && oldName !== undefined) await this.#remove(key, oldName, Number(oldPieces));
      else if (!ok) await this.#remove(key, name, pieces.length);
      return ok;
    });
  }

  override async tagged(tag: string): Promise<string[]> {
    return this.#call(async () => {
      const keys: string[] = [];
      for await (const { key } of this.#kv.list({ prefix: this.#tag(tag) })) {
        const name = (key as string[]).at(-1) as string;
        const own = this.#record(name);
        const { value, versionstamp } = await this.#kv.get(own);
        if ((value as Entry | null)?.tags.includes(tag) === true) {
          keys.push(name);
        } else {
          // Unless the session got the tag again in between.
          const check = { key: own, versionstamp };
          await committed(this.#kv.atomic().check(check).delete(this.#tag(tag, name)));
        }
      }
      return keys;
    });
  }

  override async count(): Promise<{ sessions: number; bytes: number }> {
    return this.#call(async () => {
      let sessions = 0;
      let bytes = 0;
      for await (const { value } of this.#kv.list({ prefix: [...this.#prefix, "session"] })) {
        const { byteLength } = value as Entry;
        if (byteLength === null) continue;
        sessions += 1;
        bytes += byteLength;
      }
      return { sessions, bytes };
    });
  }

  async #remove(key: string, name: string, pieces: number): Promise<void> {
    if (pieces === 0) return;
    const step = this.#kv.atomic();
    for (let at = 0; at < pieces; at += 1) step.delete(this.#piece(key, name, at));
    await committed(step);
  }

  #record(key: string): string[] {
    return [...this.#prefix, "session", key];
  }

  #piece(key: string, name: string, at: number): (string | number)[] {
    return [...this.#prefix, "piece", key, name, at];
  }

  #tag(tag: string, ...key: string[]): string[] {
    return [...this.#prefix, "tag", tag, ...key];
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof SessionError) throw cause;
      throw new SessionError("ERR_SESSION_STORAGE", "Deno KV failed", { cause });
    }
  }
}

/**
 * Of several processes with one file, SQLite lets one write at a time; it does not queue the others, but fails them, with nothing
 * done.
 */
async function committed(step: DenoAtomic): Promise<{ ok: boolean }> {
  const until = performance.now() + BUSY;
  for (let pause = 1; ; pause = Math.min(2 * pause, 32)) {
    try {
      return await step.commit();
    } catch (error) {
      const isBusy = error instanceof Error && error.message.includes("database is locked");
      if (!isBusy || performance.now() >= until) throw error;
      // By chance, so that they do not meet again.
      await new Promise((resolve) => setTimeout(resolve, pause * (1 + Math.random())));
    }
  }
}

/** None for a record that is small enough for its entry. */
function piecesOf(data: Uint8Array = new Uint8Array()): Uint8Array[] {
  if (data.length <= PIECE) return [];
  return Array.from({ length: Math.ceil(data.length / PIECE) }, (_, at) =>
    data.slice(at * PIECE, (at + 1) * PIECE),
  );
}
