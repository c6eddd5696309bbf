import {
  bytesOf,
  checkId,
  checksum,
  checkTag,
  join,
  readDuration,
  readLimit,
  readTags,
  SessionError,
  utf8,
} from "./bytes.mjs";

/** What a storage keeps; two storages over one shelf are what two processes over one disk are. */
export class Shelf {
  /** In the order of use, the least recent first. */
  sessions = new Map();
  inFlight = new Set();
  revisions = 0;
  now = Number.NEGATIVE_INFINITY;
}

/**
 * A storage that keeps the whole contract with the plainest means: a `Map` and whole arrays. Each step that a
 * rule depends on is a method of its own, so that a broken storage can override that one thing.
 */
export class ReferenceStorage {
  capabilities = { streams: true, conditional: true, tags: true, durable: true, shared: true };
  evicted = 0;
  expired = 0;
  closed = false;

  constructor(options = {}, shelf = new Shelf()) {
    this.shelf = shelf;
    this.clock = options.clock ?? Date.now;
    if (typeof this.clock !== "function")
      throw new SessionError("INVALID_OPTION", "`clock` must be a function.");
    this.idleTimeout = readDuration(options.idleTimeout, "idleTimeout") ?? null;
    this.absoluteTimeout = readDuration(options.absoluteTimeout, "absoluteTimeout") ?? null;
    this.maxSessionBytes = readLimit(options.maxSessionBytes, "maxSessionBytes");
    this.maxBytes = readLimit(options.maxBytes, "maxBytes");
    this.maxSessions = readLimit(options.maxSessions, "maxSessions");
    this.whenFull = options.whenFull ?? "evict";
    if (this.whenFull !== "evict" && this.whenFull !== "reject") {
      throw new SessionError("INVALID_OPTION", '`whenFull` must be "evict" or "reject".');
    }
  }

  // The three methods of every storage.

  async write(id, provider, options) {
    this.check(id);
    return this.put(id, options, (signal) => this.collect(provider, signal));
  }

  async read(id, consumer) {
    this.check(id);
    const record = this.use(id);
    if (record === undefined) throw this.missing(id);
    return this.hand(id, record, consumer);
  }

  async invalidate(id) {
    this.check(id);
    const there = this.find(id) !== undefined;
    this.end(id);
    return there;
  }

  // Whole values.

  async get(id) {
    this.check(id);
    const record = this.use(id);
    return record && { data: this.give(record), info: this.describe(record) };
  }

  async set(id, data, options) {
    this.check(id);
    return this.put(id, options, (signal) => this.gather(data, signal));
  }

  async getJson(id) {
    const found = await this.get(id);
    if (found === undefined) return undefined;
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(found.data));
    } catch (error) {
      throw new SessionError("CORRUPT", "The session's content is not JSON.", error);
    }
  }

  async setJson(id, value, options) {
    this.check(id);
    const json = JSON.stringify(value);
    if (json === undefined) throw new SessionError("INVALID_OPTION", "The value has no JSON.");
    return this.set(id, json, options);
  }

  async info(id) {
    this.check(id);
    const record = this.find(id);
    return record && this.describe(record);
  }

  async touch(id) {
    this.check(id);
    const record = this.use(id);
    if (record === undefined) return false;
    record.activeAt = this.time();
    return true;
  }

  async sweep() {
    this.checkOpen();
    return this.expireAll();
  }

  async stats() {
    this.checkOpen();
    return {
      sessions: this.shelf.sessions.size,
      bytes: this.size(),
      evicted: this.evicted,
      expired: this.expired,
    };
  }

  async *listTagged(tag) {
    this.checkOpen();
    checkTag(tag);
    for (const [, record] of this.tagged(tag)) yield this.describe(record);
  }

  async invalidateTagged(tag) {
    this.checkOpen();
    checkTag(tag);
    const tagged = this.tagged(tag);
    for (const [id] of tagged) this.end(id);
    return tagged.length;
  }

  async close() {
    this.closed = true;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  // The steps.

  check(id) {
    this.checkOpen();
    checkId(id);
  }

  checkOpen() {
    if (this.closed) throw new SessionError("CLOSED", "The storage has been closed; make another.");
  }

  missing(_id) {
    return new SessionError("NOT_FOUND", "There is no such session.");
  }

  /** Never goes back, whatever the clock does, so that nothing expires early and nothing comes back. */
  time() {
    const now = this.clock();
    if (!Number.isFinite(now)) throw new SessionError("STORAGE", "The clock told no time.");
    this.shelf.now = Math.max(this.shelf.now, now);
    return this.shelf.now;
  }

  endOf({ idle, age, activeAt, createdAt }) {
    return Math.min(
      idle === null ? Number.POSITIVE_INFINITY : activeAt + idle,
      age === null ? Number.POSITIVE_INFINITY : createdAt + age,
    );
  }

  hasExpired(record, now) {
    return this.endOf(record) <= now;
  }

  find(id) {
    const now = this.time();
    const record = this.shelf.sessions.get(id);
    if (record === undefined || !this.hasExpired(record, now)) return record;
    this.drop(id);
    this.expired += 1;
    return undefined;
  }

  /** Finds a session in order to use its content. */
  use(id) {
    const record = this.find(id);
    if (record === undefined) return undefined;
    if (checksum(record.data) !== record.sum) {
      this.drop(id);
      throw new SessionError("CORRUPT", "The session's record is damaged.");
    }
    this.shelf.sessions.delete(id);
    this.shelf.sessions.set(id, record);
    return record;
  }

  expireAll() {
    const now = this.time();
    const due = [...this.shelf.sessions].filter(([, record]) => this.hasExpired(record, now));
    for (const [id] of due) this.drop(id);
    this.expired += due.length;
    return due.length;
  }

  drop(id) {
    this.shelf.sessions.delete(id);
  }

  end(id) {
    this.drop(id);
    for (const write of this.shelf.inFlight) if (write.id === id) write.overtaken = true;
  }

  tagged(tag) {
    const now = this.time();
    return [...this.shelf.sessions].filter(
      ([, { tags, ...times }]) => tags.includes(tag) && !this.hasExpired(times, now),
    );
  }

  describe(record) {
    const { revision, createdAt, data, tags } = record;
    const end = this.endOf(record);
    const expiresAt = Number.isFinite(end) ? { expiresAt: end } : {};
    return { revision, byteLength: data.length, createdAt, ...expiresAt, tags: [...tags] };
  }

  give(record) {
    return record.data.slice();
  }

  readOptions(options = {}) {
    const { ifRevision, signal } = options;
    if (ifRevision !== undefined && ifRevision !== null && typeof ifRevision !== "string") {
      throw new SessionError("INVALID_OPTION", "`ifRevision` must be a revision or null.");
    }
    return {
      ifRevision,
      signal,
      idle: readDuration(options.idleTimeout, "idleTimeout"),
      age: readDuration(options.absoluteTimeout, "absoluteTimeout"),
      tags: readTags(options.tags),
    };
  }

  async put(id, options, content) {
    const wanted = this.readOptions(options);
    wanted.signal?.throwIfAborted();
    const write = { id, overtaken: false };
    this.shelf.inFlight.add(write);
    try {
      const data = await content(wanted.signal);
      this.checkOpen();
      if (write.overtaken)
        throw new SessionError("CONFLICT", "The session was invalidated during the write.");
      return this.commit(id, data, wanted);
    } finally {
      this.shelf.inFlight.delete(write);
    }
  }

  /** One step: nothing can happen between the checks and the change. */
  commit(id, data, { ifRevision, idle, age, tags }) {
    const before = this.find(id);
    this.checkRevision(before, ifRevision);
    const now = this.time();
    this.makeRoom(id, data);
    const record = {
      data,
      sum: checksum(data),
      revision: this.nextRevision(before),
      createdAt: before?.createdAt ?? now,
      activeAt: now,
      idle: idle !== undefined ? idle : before !== undefined ? before.idle : this.idleTimeout,
      age: age !== undefined ? age : before !== undefined ? before.age : this.absoluteTimeout,
      tags: tags ?? before?.tags ?? [],
    };
    this.shelf.sessions.delete(id);
    this.shelf.sessions.set(id, record);
    return record.revision;
  }

  checkRevision(before, ifRevision) {
    if (ifRevision !== undefined && ifRevision !== (before?.revision ?? null)) {
      throw new SessionError("CONFLICT", "The session is at another revision: read it again.");
    }
  }

  nextRevision(_before) {
    this.shelf.revisions += 1;
    return `r${this.shelf.revisions}`;
  }

  size() {
    let bytes = 0;
    for (const [id, { data }] of this.shelf.sessions) bytes += utf8(id).length + data.length;
    return bytes;
  }

  makeRoom(id, data) {
    this.expireAll();
    const own = utf8(id).length + data.length;
    if (own > this.maxBytes)
      throw new SessionError("QUOTA", "The session is larger than the whole storage may be.");
    const before = this.shelf.sessions.get(id);
    let bytes = this.size() + own - (before === undefined ? 0 : utf8(id).length + before.data.length);
    let count = this.shelf.sessions.size + (before === undefined ? 1 : 0);
    const over = () => bytes > this.maxBytes || count > this.maxSessions;
    if (over() && this.whenFull === "reject") throw new SessionError("QUOTA", "The storage is full.");
    for (const [other, record] of this.shelf.sessions) {
      if (!over()) break;
      if (other === id) continue;
      bytes -= utf8(other).length + record.data.length;
      count -= 1;
      this.drop(other);
      this.evicted += 1;
    }
  }

  /** A place for chunks, which refuses what is no bytes and what is too much. */
  receiver() {
    const chunks = [];
    let length = 0;
    return {
      take: (chunk) => {
        const bytes = this.keep(chunk);
        length += bytes.length;
        if (length > this.maxSessionBytes) {
          throw new SessionError("TOO_LARGE", `A session holds at most ${this.maxSessionBytes} bytes.`);
        }
        chunks.push(bytes);
      },
      whole: () => join(chunks),
    };
  }

  keep(chunk) {
    return bytesOf(chunk);
  }

  /** What a provider writes, once it has ended well and all of it has arrived. */
  async collect(provider, signal) {
    const { take, whole } = this.receiver();
    let offered = 0;
    let taken = 0;
    let closed = false;
    let control;
    let settle;
    let fail;
    const drained = new Promise((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    drained.catch(() => {});
    let returned = false;
    const settleOnceAllArrived = () => {
      if (returned && (closed || taken === offered)) settle();
    };
    const sink = {
      start: (controller) => {
        control = controller;
        controller.signal.addEventListener("abort", () => fail(controller.signal.reason));
      },
      write: (chunk) => {
        try {
          take(chunk);
        } catch (error) {
          fail(error);
          throw error;
        }
        taken += 1;
        settleOnceAllArrived();
      },
      close: () => {
        closed = true;
        settleOnceAllArrived();
      },
    };
    // `size` is asked about each chunk as it is offered, awaited or not: so it is known when all have arrived.
    const size = (chunk) => {
      offered += 1;
      return chunk?.byteLength ?? 1;
    };
    const channel = new WritableStream(sink, { highWaterMark: 65_536, size });
    const aborted = () => fail(signal.reason);
    signal?.addEventListener("abort", aborted);
    try {
      await Promise.race([(async () => provider(channel))(), drained]);
      returned = true;
      settleOnceAllArrived();
      await drained;
      return whole();
    } finally {
      signal?.removeEventListener("abort", aborted);
      control.error(this.late());
    }
  }

  late() {
    return new SessionError("CLOSED", "The channel ended with its callback.");
  }

  async hand(_id, record, consumer) {
    const pieces = this.pieces(record);
    let control;
    const channel = new ReadableStream(
      {
        start: (controller) => {
          control = controller;
        },
        pull: (controller) => {
          const { done, value } = pieces.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      },
      { highWaterMark: 0 },
    );
    try {
      return await consumer(channel, this.describe(record));
    } finally {
      control.error(this.late());
    }
  }

  *pieces({ data }) {
    for (let at = 0; at < data.length; at += 65_536) yield data.slice(at, at + 65_536);
  }

  /** The bytes of what `set` was given. */
  async gather(data, signal) {
    const { take, whole } = this.receiver();
    if (typeof data === "string") take(utf8(data));
    else if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer) take(data);
    else if (data instanceof Blob) take(await data.arrayBuffer());
    else if (data instanceof ReadableStream) {
      const sink = new WritableStream({ write: take });
      await data.pipeTo(sink, { signal });
    } else if (typeof data?.[Symbol.asyncIterator] === "function") await this.iterate(data, take, signal);
    else
      throw new SessionError(
        "INVALID_OPTION",
        "Give bytes, a string, a Blob, a stream or an async iterable.",
      );
    signal?.throwIfAborted();
    return whole();
  }

  async iterate(source, take, signal) {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      take(chunk);
    }
  }
}
