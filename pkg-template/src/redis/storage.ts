import { Buffer } from "node:buffer";
import { SessionError } from "../error.js";
import { checkId, invalidId } from "../id.js";
import { checkSignal, checkStorageOptions, checkTag, invalid } from "../options.js";
import { copyFrom, letGo, notJson, toJson, wholeBytes } from "../storage.js";
import type {
  BuiltInStorage,
  SessionData,
  SessionInfo,
  StorageCapabilities,
  StorageOptions,
  StorageStats,
  WriteOptions,
} from "../types.js";
import { decode } from "../window.js";
import { Batches } from "./batches.js";
import { consume, provide, type Consumer, type Provider } from "./channel.js";
import type { RedisClient } from "./clients.js";
import { Commits, type Written } from "./commits.js";
import { OldSessions } from "./connect-redis.js";
import { Connection } from "./connection.js";
import { end } from "./end.js";
import { hash } from "./hash.js";
import {
  checkConnectRedis,
  checkPrefix,
  checkTagLength,
  checkTimeout,
  checkWrite,
  type CheckedWrite,
} from "./options.js";
import { INLINE, PiecewiseRead, PiecewiseWrite, random } from "./pieces.js";
import { HEADER, infoLength, lineageOf, readInfoOnly, readRecord, type Record } from "./record.js";
import { tooLarge } from "./refusal.js";
import { LastSeen } from "./replacement.js";
import { TagIndex } from "./tags.js";

/** So many keys are not made a second time. */
const KEYS = 256;

/** The options of `RedisStorage`. */
export interface RedisOptions extends StorageOptions {
  /** How every key begins. Default: `sessile:`. Without braces, which would tell a cluster where keys lie. */
  prefix?: string | undefined;
  /**
   * How long the server may take to answer, in milliseconds; then the call rejects with `ERR_SESSION_STORAGE`. A call that asks it
   * several times, as for a stream or a tag, has so long each time. Default: 5,000; at most 300,000.
   */
  timeout?: number | undefined;
  /** For tests: without a clock the server's own time counts, so that it does not matter what other machines' clocks say. */
  clock?: (() => number) | undefined;
  /**
   * Takes over the sessions that connect-redis has left under its prefix (its default is `sess:`): each at its first use, with
   * its JSON as content and the rest of its time as idle timeout. Its old key is removed then, so no server may still use it.
   */
  connectRedis?: { readonly prefix?: string | undefined } | undefined;
}

/**
 * Keeps sessions in Redis or Valkey, on one server, behind sentinels or in a cluster, over a client of your own: `redis` or
 * `ioredis`.
 *
 * A whole session is read by one command and written by one script, in which the server checks the condition, the session's
 * time and whether it was invalidated. A write that reaches the server after its caller was told that it failed is not done;
 * one that a client sends twice, because the connection broke before the answer came, is done once. Sessions are removed by the
 * server when they are over, by its own time.
 *
 * The client stays yours: closing the storage does not close it.
 *
 * @example
 * ```js
 * import { createClient } from "redis";
 * import { RedisStorage } from "sessile/redis";
 *
 * const client = await createClient({ url: "redis://localhost" }).connect();
 * const storage = new RedisStorage(client, { idleTimeout: "30m" });
 * ```
 */
export class RedisStorage implements BuiltInStorage {
  readonly capabilities: StorageCapabilities = Object.freeze({
    streams: true,
    conditional: true,
    tags: true,
    durable: true,
    shared: true,
  });

  readonly #connection: Connection;
  readonly #batches: Batches;
  readonly #seen = new LastSeen();
  /** Of the ids that were asked for last: a request that loads a session mostly stores it too. */
  readonly #keys = new Map<string, string>();
  readonly #commits: Commits;
  readonly #tags: TagIndex;
  readonly #old: OldSessions | undefined;
  readonly #prefix: string;
  readonly #maxBytes: number;
  readonly #clock: (() => number) | undefined;
  #isClosed = false;

  /**
   * @param client a client of `redis` or `ioredis`, connected or connecting
   *
   * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
   */
  constructor(client: RedisClient, options: RedisOptions = {}) {
    const { idle, absolute, sessionBytes } = checkStorageOptions(options);
    this.#connection = new Connection(client, checkTimeout(options.timeout));
    this.#batches = new Batches(this.#connection);
    this.#prefix = checkPrefix(options.prefix);
    this.#maxBytes = sessionBytes;
    this.#clock = options.clock;
    this.#tags = new TagIndex(this.#connection, this.#prefix);
    this.#commits = new Commits({
      connection: this.#connection,
      batches: this.#batches,
      seen: this.#seen,
      tags: this.#tags,
      prefix: this.#prefix,
      idle,
      absolute,
      now: () => this.#now(),
      info: (key) => this.#info(key),
    });
    const oldPrefix = checkConnectRedis(options.connectRedis);
    this.#old = oldPrefix === undefined ? undefined : new OldSessions(this.#connection, oldPrefix);
  }

  async write(id: string, provider: Provider, options?: WriteOptions): Promise<string> {
    const key = this.#key(id);
    if (typeof provider !== "function") throw invalid("a provider must be a function");
    const signal = checkSignal(options);
    const write = new PiecewiseWrite(this.#connection, key, this.#maxBytes);
    const asked = checkWrite(options);
    this.#now();
    signal?.throwIfAborted();
    await this.#takeOver(id, key);
    await write.begin();
    try {
      this.#checkOpen();
      signal?.throwIfAborted();
      await provide(provider, (bytes) => write.take(bytes), signal);
      const { content, length, pieces } = await write.finish();
      return await this.#commit(key, asked, {
        content,
        length,
        pieces,
        revision: write.revision,
        seen: write.seen,
      });
    } catch (error) {
      await write.discard(error);
      throw error;
    }
  }

  async read<R>(id: string, consumer: Consumer<R, SessionInfo>): Promise<R> {
    const key = this.#key(id);
    if (typeof consumer !== "function") throw invalid("a consumer must be a function");
    const record = await this.#find(id, key);
    if (record === undefined) throw new SessionError("ERR_SESSION_NOT_FOUND", "there is no such session");
    if (record.content !== undefined) {
      let left = record.content.length > 0 ? record.content : undefined;
      return consume(consumer, record.info, () => {
        this.#checkOpen();
        const piece = left;
        left = undefined;
        return Promise.resolve(piece);
      });
    }
    const pieces = new PiecewiseRead(this.#connection, key, record.revision, record.length);
    try {
      return await consume(consumer, record.info, () => {
        this.#checkOpen();
        return pieces.next();
      });
    } finally {
      pieces.close();
    }
  }

  async invalidate(id: string): Promise<boolean> {
    const key = this.#key(id);
    // First, so that nobody takes it over afterwards.
    const wasOld = (await this.#old?.remove(id)) === true;
    const how = { now: this.#given(), lineage: fenceLineage(), tag: "" };
    return (await end(this.#connection, key, how)) || wasOld;
  }

  async get(id: string): Promise<{ data: Uint8Array; info: SessionInfo } | undefined> {
    const key = this.#key(id);
    const record = await this.#find(id, key);
    if (record === undefined) return undefined;
    const { content, info } = record;
    return { data: content === undefined ? await this.#whole(key, record) : new Uint8Array(content), info };
  }

  async set(id: string, data: SessionData, options?: WriteOptions): Promise<string> {
    const whole = typeof data === "string" ? Buffer.from(data) : wholeBytes(data);
    if (whole === undefined) {
      try {
        return await this.write(id, copyFrom(data), options);
      } catch (reason) {
        letGo(data, reason);
        throw reason;
      }
    }
    // A view is copied, since its owner may change it as soon as this call has returned.
    return this.#put(id, typeof data === "string" ? (whole as Buffer) : Buffer.concat([whole]), options);
  }

  async getJson<T = unknown>(id: string): Promise<T | undefined> {
    const key = this.#key(id);
    const record = await this.#find(id, key);
    if (record === undefined) return undefined;
    const content = record.content ?? (await this.#whole(key, record));
    try {
      return JSON.parse(decode(content)) as T;
    } catch (cause) {
      throw notJson(cause);
    }
  }

  async setJson(id: string, value: unknown, options?: WriteOptions): Promise<string> {
    return this.#put(id, Buffer.from(toJson(value)), options);
  }

  async info(id: string): Promise<SessionInfo | undefined> {
    const key = this.#key(id);
    const info = await this.#info(key);
    return info === undefined && (await this.#takeOver(id, key)) ? this.#info(key) : info;
  }

  async touch(id: string): Promise<boolean> {
    const key = this.#key(id);
    await this.#takeOver(id, key);
    this.#seen.forget(key);
    return (await this.#batches.touch({ key, now: this.#given() })) === 1;
  }

  /** The server removes sessions that are over: there is nothing to do, and nothing to count. */
  sweep(): Promise<number> {
    return this.#refuse(() => 0);
  }

  /** Rejects with `ERR_SESSION_UNSUPPORTED`: to count the sessions among a server's keys would mean to look at all of them. */
  stats(): Promise<StorageStats> {
    return this.#refuse(() => {
      throw new SessionError(
        "ERR_SESSION_UNSUPPORTED",
        "a Redis server is not counted; ask it by INFO and DBSIZE",
      );
    });
  }

  async *listTagged(tag: string): AsyncGenerator<SessionInfo, void, undefined> {
    this.#checkOpen();
    checkTagLength(checkTag(tag));
    const stale: string[] = [];
    for await (const names of this.#tags.members(tag)) {
      const infos = await Promise.all(
        names.map((name) => this.#info(this.#prefix + name).catch(ignoreDamaged)),
      );
      for (const [at, info] of infos.entries()) {
        if (info?.tags.includes(tag) === true) yield info;
        else stale.push(names[at] ?? "");
      }
    }
    // Whoever only reads need not be able to.
    await this.#tags.drop(tag, stale).catch(() => {});
  }

  async invalidateTagged(tag: string): Promise<number> {
    this.#checkOpen();
    checkTagLength(checkTag(tag));
    let count = 0;
    const how = { now: this.#given(), lineage: fenceLineage(), tag: Buffer.from(tag) };
    for await (const names of this.#tags.members(tag)) {
      const one = (name: string): Promise<boolean | undefined> =>
        end(this.#connection, this.#prefix + name, how).catch(ignoreDamaged);
      for (const there of await Promise.all(names.map(one))) if (there === true) count += 1;
      await this.#tags.drop(tag, names);
    }
    return count;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #put(id: string, content: Buffer, options: WriteOptions | undefined): Promise<string> {
    const key = this.#key(id);
    const asked = checkWrite(options);
    this.#now();
    checkSignal(options)?.throwIfAborted();
    if (content.length > this.#maxBytes) throw tooLarge(this.#maxBytes);
    if (this.#old !== undefined) await this.#takeOver(id, key);
    if (content.length <= INLINE) {
      return this.#commit(key, asked, {
        content,
        length: content.length,
        pieces: 0,
        revision: random(16),
        seen: undefined,
      });
    }
    const write = new PiecewiseWrite(this.#connection, key, this.#maxBytes);
    await write.begin();
    try {
      await write.take(content);
      const { length, pieces } = await write.finish();
      return await this.#commit(key, asked, {
        content: undefined,
        length,
        pieces,
        revision: write.revision,
        seen: write.seen,
      });
    } catch (error) {
      await write.discard(error);
      throw error;
    }
  }

  #commit(key: string, asked: CheckedWrite, written: Written): Promise<string> {
    this.#checkOpen();
    return this.#commits.commit(key, asked, written);
  }

  /** The record of a session, which may have to be taken over first. */
  async #find(id: string, key: string): Promise<Record | undefined> {
    const record = await this.#record(key);
    if (record !== undefined || this.#old === undefined) return record;
    return (await this.#takeOver(id, key)) ? this.#record(key) : undefined;
  }

  /** Moves what connect-redis has left of a session, unless it was moved or invalidated meanwhile. Says whether there was any. */
  async #takeOver(id: string, key: string): Promise<boolean> {
    const old = this.#old;
    if (old === undefined || !(await old.has(id))) return false;
    const write = new PiecewiseWrite(this.#connection, key, Infinity);
    await write.begin();
    const found = await old.find(id);
    if (found === undefined) return true;
    const { content, left } = found;
    const asked = { ...checkWrite({ ifRevision: null }), idle: left ?? NaN };
    const { revision, seen } = write;
    try {
      await this.#commit(key, asked, { content, length: content.length, pieces: 0, revision, seen });
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== "ERR_SESSION_CONFLICT") throw error;
    }
    await old.remove(id);
    return true;
  }

  async #record(key: string): Promise<Record | undefined> {
    const now = this.#now();
    const bytes = await this.#batches.get(key);
    if (bytes === null) return undefined;
    const isAsSeen = this.#seen.has(key, bytes);
    const record = readRecord(bytes, isAsSeen);
    if (record === undefined) return undefined;
    const over = this.#isOver(key, bytes, record.info, now);
    if (typeof over === "boolean" ? over : await over) return undefined;
    if (!isAsSeen) this.#seen.note(key, bytes);
    return record;
  }

  async #info(key: string): Promise<SessionInfo | undefined> {
    const now = this.#now();
    const range = async (end: number): Promise<Buffer> =>
      (await this.#connection.command(["GETRANGE", key, "0", String(end - 1)], key)) as Buffer;
    let bytes = await range(HEADER + 128);
    // Many tags: what is asked for then may be another revision, with more of them.
    while (infoLength(bytes) > bytes.length && bytes.length >= HEADER) bytes = await range(infoLength(bytes));
    const info = readInfoOnly(bytes);
    return info === undefined || (await this.#isOver(key, bytes, info, now)) ? undefined : info;
  }

  async #whole(key: string, record: Record): Promise<Uint8Array> {
    const data = new Uint8Array(record.length);
    const pieces = new PiecewiseRead(this.#connection, key, record.revision, record.length);
    try {
      let at = 0;
      for (let piece = await pieces.next(); piece !== undefined; piece = await pieces.next()) {
        data.set(piece, at);
        at += piece.length;
      }
    } finally {
      pieces.close();
    }
    return data;
  }

  /** What is over by the server's time is not there; but some records stay longer, and a clock may have been given. */
  #isOver(
    key: string,
    bytes: Buffer,
    { expiresAt }: SessionInfo,
    now: number | undefined,
  ): boolean | Promise<boolean> {
    if (expiresAt === undefined) return false;
    if (now !== undefined)
      return now >= expiresAt && this.#batches.touch({ key, now: String(now) }).then(() => true);
    const isFence = ((lineageOf(bytes)[7] ?? 0) & 1) === 1;
    return isFence && this.#connection.serverTime(key).then((time) => time >= expiresAt);
  }

  /** The key of a session: the SHA-256 of its id, in braces, so that a cluster keeps its pieces beside it. */
  #key(id: string): string {
    this.#checkOpen();
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    checkId(id);
    if (id === "") throw invalidId("a session id is empty");
    if (id.length > 341 && Buffer.from(id).length > 1_024)
      throw invalidId("a session id is longer than 1,024 bytes");
    const key = `${this.#prefix}{${hash("sha256", id, "base64url")}}`;
    if (this.#keys.size === KEYS) this.#keys.clear();
    this.#keys.set(id, key);
    return key;
  }

  #now(): number | undefined {
    if (this.#clock === undefined) return undefined;
    const now = Number(this.#clock());
    if (!Number.isFinite(now)) throw invalid("the clock must tell a number of milliseconds");
    return now;
  }

  #given(): string {
    return String(this.#now() ?? "");
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new SessionError("ERR_SESSION_CLOSED", "the storage has been closed");
  }

  async #refuse<T>(answer: () => T): Promise<T> {
    this.#checkOpen();
    return answer();
  }
}

function ignoreDamaged(error: unknown): undefined {
  if (error instanceof SessionError && error.code === "ERR_SESSION_CORRUPT") return undefined;
  throw error;
}

/** Odd: what is made in the place of the session that ends says so. */
function fenceLineage(): Buffer {
  const lineage = random(8);
  lineage[7] = (lineage[7] ?? 0) | 1;
  return lineage;
}
