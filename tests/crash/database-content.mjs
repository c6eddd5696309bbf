// What the writers of a browser put into sessions: bytes that tell who wrote them, as what, and whether they are whole.

const HEAD = 512;

/**
 * The bytes of a content: `what` as JSON, with its length and a sum of all that follows. Each byte behind it can be told
 * from the sum of what stands before.
 */
export function contentOf(what, length) {
  const text = new TextEncoder().encode(JSON.stringify({ ...what, length }));
  const bytes = new Uint8Array(Math.max(length, HEAD));
  bytes.set(text, 4);
  new DataView(bytes.buffer).setUint32(0, text.length);
  fill(bytes, sumOf(text));
  return bytes;
}

/** What a content tells, or undefined where it is not whole. */
export function whatIs(bytes) {
  if (bytes.length < HEAD) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const text = bytes.subarray(4, 4 + length);
  const own = new Uint8Array(bytes.length);
  own.set(bytes.subarray(0, 4 + length));
  fill(own, sumOf(text));
  if (!own.every((byte, at) => byte === bytes[at])) return undefined;
  const what = JSON.parse(new TextDecoder().decode(text));
  return Math.max(what.length, HEAD) === bytes.length ? what : undefined;
}

function sumOf(bytes) {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  return sum;
}

function fill(bytes, sum) {
  let word = sum || 1;
  for (let at = 4 + new DataView(bytes.buffer).getUint32(0); at < bytes.length; at += 1) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    bytes[at] = word & 0xff;
  }
}
