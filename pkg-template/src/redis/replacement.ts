import { Buffer } from "node:buffer";
import { hash } from "./hash.js";
import { CHECKED, HEADER, crc32, infoLength, lineageOf } from "./record.js";

/** So many sessions are known as they were last seen. */
const MOST = 4_096;

/** A record with more tags than this is not kept in mind. */
const LONGEST = 1_024;

/** What is asked of a session that is there. */
export interface Change {
  /** The server's time. */
  readonly made: number;
  /** The time of a clock that was given. */
  readonly given: number | undefined;
  /** As in `options.ts`: NaN keeps, Infinity is none. */
  readonly idle: number;
  readonly absolute: number;
  readonly revision: Buffer;
  readonly content: Buffer;
}

/** A record that may take the place of the one that was seen. */
export interface Replacement {
  /** When the server is to remove it, and the header that was seen, as the script takes them. */
  readonly terms: Buffer;
  readonly record: Buffer;
}

/**
 * The sessions that were read or written last, without their contents. A server that finds a record as it was seen need not read
 * it, nor make the new one: it stores what it is given, which takes it a quarter of the time.
 */
export class LastSeen {
  readonly #records = new Map<string, Buffer>();

  /** Whether a record's header is as it was last seen. */
  has(key: string, record: Buffer): boolean {
    const seen = this.#records.get(key);
    return seen !== undefined && record.length >= HEADER && seen.compare(record, 0, HEADER, 0, HEADER) === 0;
  }

  /** Keeps in mind what a record is like, unless it takes more than is made here to take its place. */
  note(key: string, record: Buffer): void {
    this.#records.delete(key);
    const length = infoLength(record);
    const isFence = ((lineageOf(record)[7] ?? 0) & 1) === 1;
    if (record[5] !== 0 || isFence || length > LONGEST) return;
    // A copy: the content lies in the same memory.
    this.#records.set(key, Buffer.from(record.subarray(0, length)));
    if (this.#records.size > MOST)
      for (const oldest of this.#records.keys()) return void this.#records.delete(oldest);
  }

  /** It is not as it was: to try with it would cost a round trip. */
  forget(key: string): void {
    this.#records.delete(key);
  }

  /** Undefined where the server must judge: nothing is known, or what is known is over, or has another revision or other tags. */
  replacement(key: string, change: Change, ifRevision?: Buffer, tags?: Buffer): Replacement | undefined {
    const seen = this.#records.get(key);
    if (seen === undefined) return undefined;
    if (ifRevision !== undefined && !ifRevision.equals(seen.subarray(40, 56))) return undefined;
    if (tags !== undefined && !tags.equals(seen.subarray(HEADER))) return undefined;
    const [created, active] = [seen.readDoubleLE(8), seen.readDoubleLE(16)];
    const [idle, absolute] = [seen.readDoubleLE(24), seen.readDoubleLE(32)];
    if ((change.given ?? change.made) >= Math.min(active + idle, created + absolute)) return undefined;
    return replace(seen, change);
  }
}

/** The twin of what `commit.lua` makes of a session that is there. */
function replace(seen: Buffer, { made, given, idle, absolute, revision, content }: Change): Replacement {
  const active = Math.max(seen.readDoubleLE(16), given ?? made);
  const idleTimeout = Number.isNaN(idle) ? seen.readDoubleLE(24) : idle;
  const absoluteTimeout = Number.isNaN(absolute) ? seen.readDoubleLE(32) : absolute;
  const ends = Math.min(active + idleTimeout, seen.readDoubleLE(8) + absoluteTimeout);
  // By a clock that was given, the server's expiry only clears up, a day behind it.
  const removed = given === undefined ? Math.max(1, ends) : made + Math.max(0, ends - given) + 86_400_000;
  const text = removed === Infinity ? "" : removed.toFixed(0);

  const start = text.length + 1 + HEADER;
  const bytes = Buffer.allocUnsafe(start + seen.length + content.length);
  bytes.write(text, 0, "latin1");
  bytes[text.length] = 0;
  seen.copy(bytes, text.length + 1, 0, HEADER);
  const record = bytes.subarray(start);
  record.set(seen);
  record.writeDoubleLE(active, 16);
  record.writeDoubleLE(idleTimeout, 24);
  record.writeDoubleLE(absoluteTimeout, 32);
  record.set(revision, 40);
  record.writeDoubleLE(content.length, 56);
  record.writeUInt32LE(crc32(content), 64);
  // The newest first.
  seen.copy(record, 92, 84, 108);
  revision.copy(record, 84, 0, 8);
  record.write(hash("sha1", record.subarray(0, CHECKED), "hex").slice(0, 8), CHECKED, "latin1");
  record.set(content, seen.length);
  return { terms: bytes.subarray(0, start), record };
}
