import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import { SessionError } from "../error.js";
import type { SessionInfo } from "../types.js";
import { hash } from "./hash.js";

/** The bytes before a record's tags and content. */
export const HEADER = 124;

/** Those of them that its checksum is of. */
export const CHECKED = HEADER - 8;
const TOMBSTONE = 2;

/** What lies under a session's key. */
export interface Record {
  /** Absent where the content lies in pieces. */
  readonly content: Buffer | undefined;
  readonly info: SessionInfo;
  readonly length: number;
  readonly revision: Buffer;
}

/**
 * A record of a session; undefined for a tombstone. Throws `ERR_SESSION_CORRUPT` for what is damaged.
 *
 * @param isChecked whether its header is known to be whole
 */
export function readRecord(bytes: Buffer, isChecked = false): Record | undefined {
  if (!isChecked) checkHeader(bytes);
  const kind = bytes[5] ?? 0;
  if (kind >= TOMBSTONE) return undefined;
  const tagsEnd = HEADER + bytes.readUInt32LE(68);
  const length = bytes.readDoubleLE(56);
  const content = kind === 0 ? bytes.subarray(tagsEnd) : undefined;
  if (tagsEnd > bytes.length || crc32(bytes.subarray(HEADER, tagsEnd)) !== bytes.readUInt32LE(72))
    throw damaged();
  if (content !== undefined) {
    if (content.length !== length || crc32(content) !== bytes.readUInt32LE(64)) throw damaged();
  }
  return { content, info: readInfo(bytes), length, revision: bytes.subarray(40, 56) };
}

/** What a header and tags tell; undefined for none. `bytes` may end before the content. */
export function readInfoOnly(bytes: Buffer): SessionInfo | undefined {
  if (bytes.length === 0) return undefined;
  checkHeader(bytes);
  return (bytes[5] ?? 0) >= TOMBSTONE ? undefined : readInfo(bytes);
}

/** How many bytes `readInfoOnly` needs. */
export function infoLength(bytes: Buffer): number {
  return bytes.length < HEADER ? 0 : HEADER + bytes.readUInt32LE(68);
}

/** What a write must have seen when it began, to learn whether the session was invalidated since. */
export function lineageOf(bytes: Buffer): Buffer {
  return bytes.length < HEADER ? Buffer.alloc(8) : bytes.subarray(76, 84);
}

/** That of a session, undefined where there is none. */
export function revisionOf(bytes: Buffer): Buffer | undefined {
  return bytes.length < HEADER || (bytes[5] ?? 0) >= TOMBSTONE ? undefined : bytes.subarray(40, 56);
}

function checkHeader(bytes: Buffer): void {
  const fields = bytes.subarray(0, CHECKED);
  if (bytes.length < HEADER || bytes.toString("latin1", 0, 4) !== "sesr") throw damaged();
  const check = hash("sha1", fields, "hex").slice(0, 8);
  if (bytes.toString("latin1", CHECKED, HEADER) !== check) throw damaged();
  if (bytes[4] !== 1)
    throw new SessionError("ERR_SESSION_UNSUPPORTED", "this session has the format of a later release");
}

function readInfo(bytes: Buffer): SessionInfo {
  const [createdAt, active] = [bytes.readDoubleLE(8), bytes.readDoubleLE(16)];
  const [idleTimeout, absoluteTimeout] = [bytes.readDoubleLE(24), bytes.readDoubleLE(32)];
  const expiresAt = Math.min(active + idleTimeout, createdAt + absoluteTimeout);
  return {
    revision: bytes.toString("base64url", 40, 56),
    byteLength: bytes.readDoubleLE(56),
    createdAt,
    ...(expiresAt === Infinity ? undefined : { expiresAt }),
    ...(idleTimeout === Infinity ? undefined : { idleTimeout }),
    ...(absoluteTimeout === Infinity ? undefined : { absoluteTimeout }),
    tags: readTags(bytes.subarray(HEADER, HEADER + bytes.readUInt32LE(68))),
  };
}

function readTags(bytes: Buffer): string[] {
  const tags: string[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const end = at + 2 + bytes.readUInt16LE(at);
    tags.push(bytes.toString("utf8", at + 2, end));
    at = end;
  }
  return tags;
}

/** Each tag as its length and its UTF-8. */
export function packTags(tags: readonly string[]): Buffer {
  return Buffer.concat(
    tags.map((tag) => {
      const text = Buffer.from(tag);
      const length = Buffer.alloc(2);
      length.writeUInt16LE(text.length, 0);
      return Buffer.concat([length, text]);
    }),
  );
}

/** What a write has found when it began. */
export interface Seen {
  readonly lineage: Buffer;
  /** When that was, by the server's time, in milliseconds. */
  readonly began: number;
}

/** What a commit asks of the server's script. */
export interface CommitRequest {
  /** The time of a clock that was given. */
  readonly now: number | undefined;
  /** By the server's time, in milliseconds: afterwards it must not be done. */
  readonly deadline: number;
  /** As in `options.ts`: NaN keeps, Infinity is none. */
  readonly idle: number;
  readonly absolute: number;
  readonly defaultIdle: number;
  readonly defaultAbsolute: number;
  readonly ifAbsent: boolean;
  readonly ifRevision: string | undefined;
  readonly tags: Buffer | undefined;
  readonly revision: Buffer;
  readonly lineage: Buffer;
  /** Given by a write that began before it commits. */
  readonly seen: Seen | undefined;
  /** Absent where the content lies in pieces. */
  readonly content: Buffer | undefined;
  readonly length: number;
  /** Of the content; 0 where it lies in the record. */
  readonly pieces: number;
  /** How many indexes of tags lie on the same server. */
  readonly indexes: number;
  readonly isTracked: boolean;
}

const REQUEST = 127;

export function packRequest(request: CommitRequest): Buffer {
  const { now, ifRevision, tags, seen, content } = request;
  const bytes = Buffer.alloc(REQUEST + (tags?.length ?? 0));
  bytes[0] =
    (now === undefined ? 0 : 1) |
    (request.ifAbsent ? 2 : 0) |
    (ifRevision === undefined ? 0 : 4) |
    (seen === undefined ? 0 : 8) |
    (content === undefined ? 16 : 0) |
    (tags === undefined ? 0 : 32) |
    (request.isTracked ? 64 : 0);
  bytes.writeDoubleLE(now ?? 0, 1);
  bytes.writeDoubleLE(request.deadline, 9);
  bytes.writeDoubleLE(request.idle, 17);
  bytes.writeDoubleLE(request.absolute, 25);
  bytes.writeDoubleLE(request.defaultIdle, 33);
  bytes.writeDoubleLE(request.defaultAbsolute, 41);
  bytes.writeDoubleLE(request.length, 49);
  bytes.writeUInt32LE(content === undefined ? 0 : crc32(content), 57);
  bytes.writeUInt32LE(tags === undefined ? 0 : crc32(tags), 61);
  bytes.set(request.revision, 65);
  bytes.set(request.lineage, 81);
  if (ifRevision !== undefined) bytes.set(revisionBytes(ifRevision), 89);
  if (seen !== undefined) bytes.set(seen.lineage, 105);
  bytes.writeUInt32LE(request.pieces, 113);
  bytes.writeUInt16LE(request.indexes, 117);
  bytes.writeDoubleLE(seen?.began ?? 0, 119);
  if (tags !== undefined) bytes.set(tags, REQUEST);
  return bytes;
}

/** No session has the revision that stands for one that is none of ours. */
export function revisionBytes(revision: string): Buffer {
  const bytes = Buffer.from(revision, "base64url");
  return bytes.length === 16 && bytes.toString("base64url") === revision ? bytes : Buffer.alloc(16);
}

/** A piece of a content, with a checksum before it. */
export function packPiece(content: Uint8Array): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(content), 0);
  return Buffer.concat([check, content]);
}

/** Throws `ERR_SESSION_CORRUPT` for a piece that is damaged. */
export function readPiece(bytes: Buffer): Buffer {
  if (bytes.length < 4) throw damaged();
  const content = bytes.subarray(4);
  if (crc32(content) !== bytes.readUInt32LE(0)) throw damaged();
  return content;
}

export function damaged(): SessionError {
  return new SessionError(
    "ERR_SESSION_CORRUPT",
    "what the server keeps of this session is damaged; invalidate or replace it",
  );
}

/** CRC-32/ISO-HDLC. */
export const crc32: (data: Uint8Array) => number = zlib.crc32 === undefined ? slowCrc32 : zlib.crc32;

let table: Uint32Array | undefined;

function slowCrc32(data: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc;
  });
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
