// One large session into a folder and out of it: the memory that the process holds at most.
import { collect } from "../measuring/collections.mjs";
import { readChunks, readInto, write } from "../measuring/large.mjs";
import { inFreshProcess } from "../measuring/process.mjs";
import { markdown, mebibytes } from "../measuring/report.mjs";
import { isTold, peak, resetPeak, resident } from "../measuring/resident.mjs";
import { rest } from "../measuring/folders.mjs";

const MODES = ["auto", "sync", "async"];
const STEPS = [
  ["writing", "writing", write],
  ["reading", "reading into a buffer of one's own", readInto],
  ["readingChunks", "reading chunks, with what waits to be collected", readChunks],
];

export async function stream({ quick, folders }) {
  if (!isTold) {
    console.log("\nThe memory of a streamed session is measured on Linux alone: run this there.");
    return undefined;
  }
  const size = (quick ? 32 : 256) * 1_048_576;
  const found = {};
  for (const io of MODES) {
    await rest();
    found[io] = await inFreshProcess(import.meta.url, { io, size, folder: folders.fresh(io) });
  }
  console.log(
    `\n## A session of ${mebibytes(size)} written and read in chunks of 64 KiB, in a fresh process each\n`,
  );
  const rows = STEPS.map(([step, name]) => [
    name,
    ...MODES.map((io) => `${mebibytes(found[io][step].over)} · ${found[io][step].seconds.toFixed(2)} s`),
  ]);
  console.log(
    markdown(["when (most memory over the idle process · time)", ...MODES.map((io) => `io ${io}`)], rows),
  );
  return Object.fromEntries(STEPS.map(([step]) => [step, found.auto[step].over]));
}

export async function measure({ io, size, folder }) {
  const { DirectoryStorage } = await import("sessile");
  const storage = new DirectoryStorage(folder, { io });
  // Idle is a process that serves small sessions, and has streamed none.
  await storage.setJson("small", { user: 17 });
  await storage.getJson("small");
  await collect();
  const idle = resident();
  const found = {};
  for (const [step, , work] of STEPS) {
    await collect();
    resetPeak();
    const start = performance.now();
    await work(storage, "large", size);
    found[step] = { over: peak() - idle, seconds: (performance.now() - start) / 1_000 };
  }
  await storage.close();
  return found;
}
