// One large session in and out through its channels: the memory that the process holds at most.
import { collect } from "../measuring/collections.mjs";
import { readChunks, readInto, write } from "../measuring/large.mjs";
import { inFreshProcess } from "../measuring/process.mjs";
import { markdown, mebibytes } from "../measuring/report.mjs";
import { isTold, peak, resetPeak, resident } from "../measuring/resident.mjs";

export async function stream({ quick }) {
  if (!isTold) {
    console.log("\nThe memory of a streamed session is measured on Linux alone: run this there.");
    return undefined;
  }
  const size = (quick ? 32 : 256) * 1_048_576;
  const { writing, reading, readingChunks, held, seconds } = await inFreshProcess(import.meta.url, { size });
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
  await readChunks(storage, "warm", 4 * 1_048_576);
  await storage.invalidate("warm");
  await collect();
  resetPeak();
  const start = resident();

  const began = performance.now();
  await write(storage, "large", size);
  const written = performance.now();
  const writing = peak() - start;
  await collect();
  const held = resident() - start;
  const reading = await peakOf(() => readInto(storage, "large", size));
  await collect();
  const readingChunks = await peakOf(() => readChunks(storage, "large", size));
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
  return { peak: peak(), seconds: (performance.now() - start) / 1_000 };
}
