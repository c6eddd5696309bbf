const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

export function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Bytes that look like none of their neighbours, so that a shifted, repeated or torn piece shows. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** More than any case writes: a stream that goes on beyond it fails its case instead of filling the memory. */
const beyond = { chunks: 1_000_000, bytes: 64 * 1024 * 1024 };

type Next = () => Promise<Uint8Array | undefined>;

/** Visits the chunks of a source to its end. */
export async function eachChunk(next: Next, visit: (chunk: Uint8Array) => void): Promise<void> {
  let count = 0;
  let length = 0;
  for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
    visit(chunk);
    count += 1;
    length += chunk.byteLength;
    if (count > beyond.chunks || length > beyond.bytes) throw new Error("the stream does not end");
  }
}

/** Collects the chunks of a source to its end, with a copy of each: a storage may use its buffer again. */
export async function collect(next: Next): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  await eachChunk(next, (chunk) => void chunks.push(chunk.slice()));
  return concat(chunks);
}

export const nextOf =
  (reader: ReadableStreamDefaultReader<Uint8Array>): Next =>
  async () =>
    (await reader.read()).value;

/** Reads a stream to its end. */
export async function drain(channel: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const reader = channel.getReader();
  const bytes = await collect(nextOf(reader));
  reader.releaseLock();
  return bytes;
}

export async function fill(
  channel: WritableStream<Uint8Array>,
  ...chunks: readonly (Uint8Array | string)[]
): Promise<void> {
  const writer = channel.getWriter();
  for (const chunk of chunks) await writer.write(typeof chunk === "string" ? utf8(chunk) : chunk);
  writer.releaseLock();
}

/** The source of random choices: the same seed gives the same ones everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}
