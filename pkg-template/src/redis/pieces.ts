import { Buffer } from "node:buffer";
import { SessionError } from "../error.js";
import type { Connection } from "./connection.js";
import { HEADER, damaged, lineageOf, packPiece, readPiece, revisionOf, type Seen } from "./record.js";
import { refusal, tooLarge } from "./refusal.js";
import { BEGIN, GRACE_MS, HOLD, STAGE, TOMBSTONE_MS } from "./scripts.js";

/** A content up to this lies in the session's record; a longer one in pieces beside it. */
export const INLINE = 65_536;

const PIECE = 262_144;

/** A content that comes piece by piece, and stays in memory until it is longer than a record takes. */
export class PiecewiseWrite {
  readonly revision = random(16);
  seen: Seen = { lineage: Buffer.alloc(8), began: 0 };

  readonly #connection: Connection;
  readonly #key: string;
  readonly #pieces: string;
  readonly #maxBytes: number;
  #kept: Uint8Array[] = [];
  #keptLength = 0;
  #length = 0;
  #count = 0;
  #began = 0;

  constructor(connection: Connection, key: string, maxBytes: number) {
    this.#connection = connection;
    this.#key = key;
    this.#pieces = piecesKey(key, this.revision);
    this.#maxBytes = maxBytes;
  }

  /** Takes note of what is there, so that an invalidation from now on stops the commit. */
  async begin(): Promise<void> {
    this.#began = performance.now();
    const reply = await this.#connection.run(BEGIN, this.#key, []);
    const [time, header] = reply as readonly [number, Buffer];
    this.#connection.learn(Number(time), this.#key);
    this.seen = { lineage: lineageOf(header), began: Number(time) };
  }

  async take(bytes: Uint8Array): Promise<void> {
    this.#length += bytes.length;
    if (this.#length > this.#maxBytes) throw tooLarge(this.#maxBytes);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + PIECE - this.#keptLength);
      this.#kept.push(part);
      this.#keptLength += part.length;
      at += part.length;
      if (this.#keptLength === PIECE) await this.#stage();
    }
  }

  async finish(): Promise<{ content: Buffer | undefined; length: number; pieces: number }> {
    if (performance.now() - this.#began > TOMBSTONE_MS) throw refusal("slow");
    if (this.#length <= INLINE)
      return { content: Buffer.concat(this.#kept), length: this.#length, pieces: 0 };
    if (this.#keptLength > 0) await this.#stage();
    return { content: undefined, length: this.#length, pieces: this.#count };
  }

  /**
   * Best effort: what is left goes by itself in an hour. So do the pieces of a write of which nobody knows whether it was done, since a
   * record may name them.
   */
  async discard(error: unknown): Promise<void> {
    this.#kept = [];
    const isUnknown = error instanceof SessionError && error.code === "ERR_SESSION_STORAGE";
    if (this.#count > 0 && !isUnknown)
      await this.#connection.command(["UNLINK", this.#pieces], this.#pieces).catch(() => {});
  }

  async #stage(): Promise<void> {
    const piece = packPiece(Buffer.concat(this.#kept));
    this.#kept = [];
    this.#keptLength = 0;
    const number = String(this.#count);
    this.#count += 1;
    await this.#connection.run(STAGE, this.#pieces, [number, piece]);
  }
}

/** The pieces of one revision, which stay while they are read, also if it is replaced meanwhile. */
export class PiecewiseRead {
  readonly #connection: Connection;
  readonly #key: string;
  readonly #revision: Buffer;
  readonly #pieces: string;
  readonly #length: number;
  readonly #holding: ReturnType<typeof setInterval>;
  #at = 0;

  constructor(connection: Connection, key: string, revision: Buffer, length: number) {
    this.#connection = connection;
    this.#key = key;
    this.#revision = revision;
    this.#pieces = piecesKey(key, revision);
    this.#length = length;
    const hold = (): unknown => connection.run(HOLD, this.#pieces, []).catch(() => {});
    this.#holding = setInterval(hold, GRACE_MS / 3);
  }

  /** The next piece; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    if (this.#at * PIECE >= this.#length) return undefined;
    const number = String(this.#at);
    this.#at += 1;
    const piece = await this.#connection.command(["HGET", this.#pieces, number], this.#pieces);
    if (piece === null) throw await this.#missing();
    return readPiece(piece as Buffer);
  }

  /** Why a piece is not there: lost, or of a revision that was replaced long ago. */
  async #missing(): Promise<SessionError> {
    const range = ["GETRANGE", this.#key, "0", String(HEADER - 1)];
    const header = (await this.#connection.command(range, this.#key)) as Buffer;
    return revisionOf(header)?.equals(this.#revision) === true ? damaged() : refusal("replaced");
  }

  close(): void {
    clearInterval(this.#holding);
  }
}

function piecesKey(key: string, revision: Buffer): string {
  return `${key}:${revision.toString("hex")}`;
}

let pool = Buffer.alloc(0);
let poolAt = 0;

/** Random bytes. The platform is asked for many at once: a call costs as much as a hash. */
export function random(length: number): Buffer {
  if (poolAt + length > pool.length) {
    // A new one: what was cut from the old one is still in use.
    pool = crypto.getRandomValues(Buffer.alloc(4_096));
    poolAt = 0;
  }
  poolAt += length;
  return pool.subarray(poolAt - length, poolAt);
}
