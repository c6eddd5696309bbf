// Sessions as one file, written and read piece by piece.
//
//   sessile page export 1\n                                    the first line: what it is, and its version
//   {"id":…,"byteLength":…,"expiresAt":…,"tags":[…]}\n         for each session a line of JSON, …
//   the content, byteLength bytes as they are, and \n          … its content, and the end of a line
//   {"sessions":…,"crc32":"…"}\n                               the last line: how many, and a checksum of all before it
//
// `expiresAt` is in milliseconds since the epoch, or null for a session without an end. No id comes twice.
import { Crc32 } from "./crc32.mjs";
import { PageError } from "./sessions.mjs";

const MARK = "sessile page export ";
const VERSION = "1";
const NEWLINE = 10;

/** No valid line is longer: an id of 1,024 bytes and 64 tags of as many, each character escaped. */
const LONGEST_LINE = 512 * 1024;
const MOST_TAGS = 64;
const MOST_BYTES_OF_NAME = 1_024;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes a file through `write(bytes)`, which may take its time. */
export class BackupWriter {
  #write;
  #crc = new Crc32();
  #sessions = 0;

  constructor(write) {
    this.#write = write;
  }

  async begin() {
    await this.add(encoder.encode(`${MARK}${VERSION}\n`));
  }

  async beginSession(id, { byteLength, expiresAt = null, tags }) {
    this.#sessions += 1;
    await this.add(encoder.encode(`${JSON.stringify({ id, byteLength, expiresAt, tags })}\n`));
  }

  /** A piece of the content of the session that was begun. */
  async add(bytes) {
    this.#crc.add(bytes);
    await this.#write(bytes);
  }

  async endSession() {
    await this.add(Uint8Array.of(NEWLINE));
  }

  async end() {
    const last = { sessions: this.#sessions, crc32: this.#crc.digits };
    await this.#write(encoder.encode(`${JSON.stringify(last)}\n`));
  }
}

/**
 * Reads a file and calls `onSession(entry, content)` for each session in it, where `content` is an async iterable of its
 * pieces, to be read or not. `onPiece(bytes)` tells how far it is. Throws a `PageError` at the first thing that is wrong: that
 * the file was cut off is known at its end alone, so a file is read once to be checked, and again to be used.
 */
export async function readBackup(file, { onSession, onPiece = () => {} }) {
  const bytes = new Bytes(file.stream().getReader(), onPiece);
  try {
    await readAll(bytes, onSession);
  } catch (error) {
    await bytes.giveUp(error);
    throw error;
  }
}

async function readAll(bytes, onSession) {
  const first = await bytes.line(MARK.length + 20);
  if (first === undefined || !first.startsWith(MARK))
    throw new PageError("This is no file that this page has exported.");
  const version = first.slice(MARK.length);
  if (version !== VERSION) {
    throw new PageError(
      `The file has version ${version.slice(0, 20)}; this page reads version ${VERSION}. Use a page of its time.`,
    );
  }
  const ids = new Set();
  for (;;) {
    const { digits } = bytes.crc;
    const line = await bytes.line(LONGEST_LINE);
    if (line === undefined) throw cutOff();
    const found = parsed(line);
    if ("sessions" in found) {
      if (found.sessions !== ids.size) throw damaged("it does not hold as many sessions as it says");
      if (found.crc32 !== digits) throw damaged("its checksum is another");
      if (!(await bytes.isAtEnd())) throw damaged("there is something behind its end");
      return;
    }
    const entry = checked(found);
    if (ids.has(entry.id)) throw damaged("it holds a session twice");
    ids.add(entry.id);
    const content = bytes.exactly(entry.byteLength);
    await onSession(entry, content);
    // Whatever the caller has left of it.
    for await (const _ of content);
    if ((await bytes.byte()) !== NEWLINE) throw damaged("a session is not as long as it says");
  }
}

function parsed(line) {
  try {
    const found = JSON.parse(line);
    if (typeof found === "object" && found !== null) return found;
  } catch {
    // Told below.
  }
  throw damaged("a line in it cannot be read");
}

/** An entry that the storage will take. */
function checked({ id, byteLength, expiresAt, tags }) {
  const isName = (text) =>
    typeof text === "string" &&
    text !== "" &&
    !/\p{Surrogate}/u.test(text) &&
    encoder.encode(text).length <= MOST_BYTES_OF_NAME;
  const isNumber = (number) => Number.isSafeInteger(number) && number >= 0;
  if (!isName(id)) throw damaged("a session in it has no valid id");
  if (!isNumber(byteLength)) throw damaged("a session in it has no length");
  if (expiresAt !== null && !isNumber(expiresAt)) throw damaged("a session in it has no valid end");
  if (!Array.isArray(tags) || tags.length > MOST_TAGS || !tags.every(isName)) {
    throw damaged("a session in it has no valid tags");
  }
  return { id, byteLength, expiresAt, tags };
}

const damaged = (how) => new PageError(`The file is damaged: ${how}. Nothing was imported.`);
const cutOff = () => new PageError("The file was cut off: its end is missing. Nothing was imported.");

/** A stream's bytes, taken by lines and by lengths; what was taken is in the checksum. */
class Bytes {
  crc = new Crc32();
  #reader;
  #onPiece;
  #piece = new Uint8Array(0);

  constructor(reader, onPiece) {
    this.#reader = reader;
    this.#onPiece = onPiece;
  }

  /** A line without its end; undefined where the file ends before it. */
  async line(longest) {
    const parts = [];
    let length = 0;
    while (await this.#has()) {
      const end = this.#piece.indexOf(NEWLINE);
      const part = this.#take(end < 0 ? this.#piece.length : end);
      parts.push(part);
      length += part.length;
      if (length > longest) throw damaged("a line in it is too long");
      if (end < 0) continue;
      this.#take(1);
      return decoded(parts, length);
    }
    return undefined;
  }

  /** The next bytes of this number, in pieces. They may be asked for again, from where the last left off. */
  exactly(number) {
    let left = number;
    const next = async () => {
      if (left === 0) return { done: true, value: undefined };
      if (!(await this.#has())) throw cutOff();
      const value = this.#take(Math.min(left, this.#piece.length));
      left -= value.length;
      return { done: false, value };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async byte() {
    if (!(await this.#has())) throw cutOff();
    return this.#take(1)[0];
  }

  async isAtEnd() {
    return !(await this.#has());
  }

  async giveUp(reason) {
    await this.#reader.cancel(reason).catch(() => {});
  }

  async #has() {
    while (this.#piece.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return false;
      this.#piece = value;
      this.#onPiece(value.length);
    }
    return true;
  }

  #take(length) {
    const taken = this.#piece.subarray(0, length);
    this.#piece = this.#piece.subarray(length);
    this.crc.add(taken);
    return taken;
  }
}

function decoded(parts, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  try {
    return strict.decode(whole);
  } catch {
    throw damaged("a line in it is no text");
  }
}
