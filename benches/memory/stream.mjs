// One large session in and out through its channels: the memory that the process holds at most.
import { readFileSync, writeFileSync } from "node:fs";
import { collect } from "./collections.mjs";
import { inFreshProcess } from "./process.mjs";
import { markdown, mebibytes } from "./report.mjs";

const CHUNK = 64 * 1024;

export async function stream({ quick }) {
  if (process.platform !== "linux") {
    console.log("\nThe memory of a streamed session is measured on Linux alone: run this there.");
    return undefined;
  }
  const size = (quick ? 32 : 256) * 1_048_576;
  const { writing, reading, readingChunks, held, seconds } = await inFreshProcess("stream", { size });
  console.log(`\n## A session of ${mebibytes(size)} written and read in chunks of 64 KiB\n`);
  const over = (bytes) => [mebibytes(bytes), mebibytes(bytes - size)];
  console.log(
    markdown(
      ["when", "memory above the start", "beside the session", "seconds"],
      [
        ["peak while writing", ...over(writing), seconds.write.toFixed(2)],
        ["between", ...over(held), ""],
        ["peak while reading into a buffer of one's own", ...over(reading), seconds.read.toFixed(2)],
        [
          "peak while reading chunks, with what waits to be collected",
          ...over(readingChunks),
          seconds.readChunks.toFixed(2),
        ],
      ],
    ),
  );
  return { beside: Math.max(writing, reading) - size };
}

export async function measure({ size }) {
  const { SessionStorageMemory } = await import("sessile");
  const storage = new SessionStorageMemory();
  await write(storage, "warm", 4 * 1_048_576);
  await readInto(storage, "warm", 4 * 1_048_576);
  await read(storage, "warm", 4 * 1_048_576);
  await storage.invalidate("warm");
  await collect();
  resetPeak();
  const start = memory("VmRSS");

  const began = performance.now();
  await write(storage, "large", size);
  const written = performance.now();
  const writing = memory("VmHWM") - start;
  await collect();
  const held = memory("VmRSS") - start;
  const reading = await peakOf(() => readInto(storage, "large", size));
  await collect();
  const readingChunks = await peakOf(() => read(storage, "large", size));
  return {
    writing,
    held,
    reading: reading.peak - start,
    readingChunks: readingChunks.peak - start,
    seconds: {
      write: (written - began) / 1_000,
      read: reading.seconds,
      readChunks: readingChunks.seconds,
    },
  };
}

async function peakOf(work) {
  resetPeak();
  const start = performance.now();
  await work();
  return { peak: memory("VmHWM"), seconds: (performance.now() - start) / 1_000 };
}

/** From one chunk, filled anew each time: what a source holds is not the storage's. */
async function write(storage, id, size) {
  const chunk = new Uint8Array(CHUNK);
  await storage.write(id, async (channel) => {
    const writer = channel.getWriter();
    for (let at = 0; at < size; at += CHUNK) {
      fill(chunk, at);
      await writer.write(chunk);
    }
  });
}

/** With a buffer of the consumer's own, which is how a large session is read in constant memory. */
async function readInto(storage, id, size) {
  await storage.read(id, async (channel) => {
    const reader = channel.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(CHUNK);
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      check(value, at);
      at += value.length;
      buffer = value.buffer;
    }
    complete(at, size);
  });
}

/** In chunks of the storage's making, each of which is garbage when it is read. */
async function read(storage, id, size) {
  await storage.read(id, async (channel) => {
    let at = 0;
    for await (const chunk of channel) {
      check(chunk, at);
      at += chunk.length;
    }
    complete(at, size);
  });
}

function check(chunk, at) {
  for (let index = (CHUNK - (at % CHUNK)) % CHUNK; index < chunk.length; index += CHUNK) {
    const first = at + index;
    if (chunk[index] !== mark(first)) throw new Error(`the session is not what was written, at ${first}`);
  }
}

function complete(at, size) {
  if (at !== size) throw new Error(`read ${at} bytes of ${size}`);
}

const mark = (at) => 1 + ((at / CHUNK) % 251);

function fill(chunk, at) {
  chunk.fill(mark(at));
}

/** Linux tells the peak of a process, and lets it begin anew; elsewhere there is nothing as exact. */
function memory(name) {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)[1]) * 1_024;
}

function resetPeak() {
  writeFileSync("/proc/self/clear_refs", "5");
}
