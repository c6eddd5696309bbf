/** What a session, an id, a tag and a length of time are: the checks that the reference storage makes. */
export class SessionError extends Error {
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SessionError";
    this.code = `ERR_SESSION_${code}`;
  }
}

const encoder = new TextEncoder();
const longest = 1_024;
const century = 36_500 * 86_400_000;
const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const utf8 = (text) => encoder.encode(text);

const isText = (value) =>
  typeof value === "string" && value !== "" && value.isWellFormed() && utf8(value).length <= longest;

export function checkId(id) {
  if (!isText(id)) {
    throw new SessionError(
      "INVALID_ID",
      "A session id is a non-empty string of at most 1,024 bytes of UTF-8.",
    );
  }
}

export function checkTag(tag) {
  if (!isText(tag)) {
    throw new SessionError("INVALID_OPTION", "A tag is a non-empty string of at most 1,024 bytes of UTF-8.");
  }
}

export function readTags(tags) {
  if (tags === undefined) return undefined;
  if (!Array.isArray(tags)) throw new SessionError("INVALID_OPTION", "`tags` must be an array of strings.");
  for (let at = 0; at < tags.length; at += 1) checkTag(tags[at]);
  const different = [...new Set(tags)];
  if (different.length > 64) throw new SessionError("INVALID_OPTION", "A session carries at most 64 tags.");
  return different;
}

/** Milliseconds; `null` for never, `undefined` where nothing was asked. */
export function readDuration(duration, name) {
  if (duration === undefined || duration === null) return duration;
  let length = Number.NaN;
  if (typeof duration === "number") length = duration;
  if (typeof duration === "string") {
    const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) ?? [];
    if (unit !== undefined) length = Number(count) * units[unit];
  }
  if (length > 0 && length <= century) return length;
  throw new SessionError(
    "INVALID_OPTION",
    `\`${name}\` must be more than 0 and at most 100 years, such as "30m".`,
  );
}

export function readLimit(limit, name) {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new SessionError("INVALID_OPTION", `\`${name}\` must be a whole number.`);
}

/** A copy of a chunk's own bytes. */
export function bytesOf(chunk) {
  if (ArrayBuffer.isView(chunk))
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice();
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk).slice();
  throw new SessionError("INVALID_OPTION", "A session's content is bytes: write a Uint8Array.");
}

export function join(chunks) {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

export function checksum(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
