import type { Buffer } from "node:buffer";
import type { SessionInfo } from "../types.js";
import type { Batches, Exchange } from "./batches.js";
import type { Connection, Reply } from "./connection.js";
import type { CheckedWrite } from "./options.js";
import { random } from "./pieces.js";
import { packRequest, packTags, revisionBytes, type Seen } from "./record.js";
import { refusal } from "./refusal.js";
import type { LastSeen } from "./replacement.js";
import type { TagIndex } from "./tags.js";

/** What is to become of a session. */
export interface Written {
  /** Absent where it lies in pieces. */
  readonly content: Buffer | undefined;
  readonly length: number;
  readonly pieces: number;
  readonly revision: Buffer;
  /** Given by a write that began before it commits. */
  readonly seen: Seen | undefined;
}

/** What commits need of their storage. */
export interface CommitParts {
  readonly connection: Connection;
  readonly batches: Batches;
  readonly seen: LastSeen;
  readonly tags: TagIndex;
  readonly prefix: string;
  readonly idle: number;
  readonly absolute: number;
  /** The time of a clock that was given. */
  readonly now: () => number | undefined;
  readonly info: (key: string) => Promise<SessionInfo | undefined>;
}

/** The last step of a write: in one script the server checks all that stands against it, and does it. */
export class Commits {
  readonly #parts: CommitParts;

  constructor(parts: CommitParts) {
    this.#parts = parts;
  }

  /** Answers the new revision. */
  async commit(key: string, asked: CheckedWrite, written: Written): Promise<string> {
    const { connection, batches, tags: index, prefix, idle, absolute } = this.#parts;
    const until = connection.deadline();
    const { content, length, pieces, revision, seen } = written;
    const tags = asked.tags === undefined ? undefined : packTags(asked.tags);
    const exchange = this.#exchange(key, asked, written, tags, until);
    if (exchange !== undefined && (await batches.replace(exchange))) {
      this.#parts.seen.note(key, exchange.record);
      return revision.toString("base64url");
    }
    this.#parts.seen.forget(key);
    const indexes = asked.tags === undefined ? [] : asked.tags.map((tag) => index.key(tag));
    const isApart = connection.isCluster && indexes.length > 0;
    if (isApart) await index.add(indexes, key.slice(prefix.length), until);
    const now = this.#parts.now();
    const lineage = random(8);
    // Even: it begins with nothing.
    lineage[7] = (lineage[7] ?? 0) & 0xfe;
    for (let attempt = 0; ; attempt += 1) {
      const request = packRequest({
        ...asked,
        now,
        deadline: connection.knownDeadline(until, key) ?? (await connection.serverDeadline(until, key)),
        defaultIdle: idle,
        defaultAbsolute: absolute,
        tags,
        revision,
        lineage,
        seen,
        content,
        length,
        pieces,
        indexes: isApart ? 0 : indexes.length,
        isTracked: connection.isTracked,
      });
      const keys = isApart ? [key] : [key, ...indexes];
      const reply = await batches.commit({ keys, request, content: content ?? "", until });
      if (typeof reply === "number") {
        connection.learn(reply, key);
        if (indexes.length > 0) index.tidy(asked.tags ?? [], (name) => this.#parts.info(prefix + name));
        return revision.toString("base64url");
      }
      const [why, time] = reply as readonly Reply[];
      if (String(why) !== "late") throw refusal(String(why));
      // The server's clock was set, or another server has taken over: what was estimated is wrong.
      connection.learn(Number(time), key);
      if (attempt > 0 || performance.now() >= until) throw refusal("late");
    }
  }

  /** What may take the place of the record as it was last seen, if that is so still. */
  #exchange(
    key: string,
    { ifAbsent, ifRevision, idle, absolute }: CheckedWrite,
    { content, revision, seen }: Written,
    tags: Buffer | undefined,
    until: number,
  ): Exchange | undefined {
    const { connection } = this.#parts;
    if (ifAbsent || seen !== undefined || content === undefined) return undefined;
    // Where the tags' indexes lie elsewhere, a failover may have lost an entry: it is put there again.
    if (tags !== undefined && connection.isCluster) return undefined;
    const server = connection.knownTime(key);
    if (server === undefined) return undefined;
    const made = Math.floor(server);
    const change = { made, given: this.#parts.now(), idle, absolute, revision, content };
    const expected = ifRevision === undefined ? undefined : revisionBytes(ifRevision);
    const replacement = this.#parts.seen.replacement(key, change, expected, tags);
    if (replacement === undefined) return undefined;
    return { key, ...replacement, made, deadline: made + until - performance.now(), until };
  }
}
