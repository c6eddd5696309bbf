// CRC-32 as in gzip and PNG, over bytes that come piece by piece.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export class Crc32 {
  #state = 0xffffffff;

  add(bytes) {
    let state = this.#state;
    for (let at = 0; at < bytes.length; at += 1) state = TABLE[(state ^ bytes[at]) & 255] ^ (state >>> 8);
    this.#state = state;
  }

  /** Eight hexadecimal digits. */
  get digits() {
    return ((this.#state ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
  }
}
