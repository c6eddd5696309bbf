// One large session into a database and out of it: the memory that the page's process holds at most.
import { markdown, mebibytes } from "../measuring/report.mjs";
import { isTold } from "../measuring/resident.mjs";
import { onFreshPage } from "./browser.mjs";
import { growth, watchProcesses } from "./processes.mjs";

/** What is done on a page: a function of a module. Those by hand need what the engine needs without us. */
const WORKS = [
  { name: "writing", module: "/indexeddb/large-session.mjs", work: "write" },
  { name: "reading into a buffer of one's own", module: "/indexeddb/large-session.mjs", work: "readInto" },
  { name: "reading chunks", module: "/indexeddb/large-session.mjs", work: "readChunks" },
  { name: "putting chunks by hand", module: "/indexeddb/by-hand.mjs", work: "write", isCompared: true },
  { name: "getting chunks by hand", module: "/indexeddb/by-hand.mjs", work: "readChunks", isCompared: true },
];

export async function stream({ quick, engines, url, folders }) {
  if (!isTold) {
    console.log("\nThe memory of a streamed session is measured on Linux alone: run this there.");
    return undefined;
  }
  const size = (quick ? 32 : 256) * 1_048_576;
  const found = {};
  for (const engine of engines) {
    found[engine] = {};
    const profile = folders.fresh(engine);
    // Each in a new browser, since what the one before has left to be collected is no part of it.
    for (const { name, module, work } of WORKS) {
      const visit = { engine, url, profile: () => profile, bound: 120_000, what: name };
      const watched = await onFreshPage(visit, (page) => watch(page, engine, { module, work, size }));
      found[engine][name] = watched ?? { isLost: true };
    }
  }
  console.log(
    `\n## ${mebibytes(size)} written and read in chunks of 64 KiB, on a fresh page each\n\n` +
      "Most memory over idle, with what waits to be collected: of the page's process · of all the browser's processes.\n",
  );
  const rows = WORKS.map(({ name }) => [name, ...engines.map((engine) => told(found[engine][name]))]);
  console.log(markdown(["when", ...engines], rows));
  return engines.flatMap((engine) =>
    WORKS.filter(({ name, isCompared }) => !isCompared && !found[engine][name].isMissing).map(({ name }) => ({
      engine,
      name,
      over: found[engine][name].page ?? NaN,
    })),
  );
}

function told({ isLost, isMissing, page, all, seconds }) {
  if (isLost) return "lost";
  if (isMissing) return "the engine has no such reader";
  return `${mebibytes(page)} · ${mebibytes(all)} (${seconds.toFixed(1)} s)`;
}

async function watch(page, engine, { module, work, size }) {
  if (work === "readInto" && !(await page.evaluate(hasOwnBuffers))) return { isMissing: true };
  await page.evaluate(async (address) => {
    globalThis.work = await import(address);
    // Idle is a page that has its storage, and has used it for something small.
    await globalThis.work.begin();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }, module);
  const processes = watchProcesses(engine);
  const seconds = await page.evaluate(
    async (name, length) => {
      const start = performance.now();
      await globalThis.work[name](length);
      return (performance.now() - start) / 1_000;
    },
    work,
    size,
  );
  return { ...growth(processes), seconds };
}

/** Whether a reader can bring a buffer of its own. */
function hasOwnBuffers() {
  try {
    new ReadableStream({ type: "bytes" }).getReader({ mode: "byob" });
    return true;
  } catch {
    return false;
  }
}
