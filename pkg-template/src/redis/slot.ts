/** The slot of a cluster in which a key lies: by what stands in its braces. */
export function slotOf(key: string): number {
  const start = key.indexOf("{") + 1;
  const end = key.indexOf("}", start);
  const part = start > 0 && end > start ? key.slice(start, end) : key;
  return crc16(new TextEncoder().encode(part)) % 16_384;
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  }
  return crc;
}
