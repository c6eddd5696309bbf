// Many files, of which a tenth has expired: the work of each call of the sweep, and what it costs those who are
// served meanwhile.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { inFreshProcess } from "../measuring/process.mjs";
import { randomFrom } from "../measuring/random.mjs";
import { markdown, times } from "../measuring/report.mjs";
import { median, quantile, sum } from "../measuring/statistics.mjs";
import { EVERY, isExpired } from "./fill.mjs";
import { rest } from "../measuring/folders.mjs";
import { startServer } from "./served.mjs";

const CALLS = ["get", "set"];
const EVERY_MS = 2;
const AT_A_TURN = 250;
/** Of the records, looked at with nobody served beside. */
const ALONE = 1 / 10;

export async function sweep({ quick, million, folders }) {
  const count = million ? 1_000_000 : 20_000;
  const folder = folders.fresh("sweep");
  const seconds = await inFreshProcess(new URL("fill.mjs", import.meta.url).href, { folder, count });
  const files = countRecords(folder);
  if (files !== count) throw new Error(`the folder has ${files} records after ${count} writes`);
  await rest();
  console.log(`\n## ${count} files, of which a tenth has expired (written in ${seconds.toFixed(0)} s)\n`);

  const { alone, beside, requests } = await sweepAndServe(folder, count, quick ? 4 : 12);
  const left = countRecords(folder) - count * (1 - 1 / EVERY);
  console.log(workTable({ "nobody served": alone, "requests served": beside }));
  console.log(
    `\nExpired files left: ${left}. Where requests are served, what writes sweep by themselves counts, too.\n`,
  );
  console.log(
    `A request every ${EVERY_MS} ms, timed by who sends it, ${AT_A_TURN} while the server sweeps and ${AT_A_TURN} ` +
      "while it does not, in turns.\n",
  );
  const took = (call, isSwept) =>
    requests.filter((one) => one.call === call && one.isSwept === isSwept).map(({ ms }) => ms);
  console.log(requestTable(took));
  const ratios = CALLS.map((call) => ({
    call,
    idle: quantile(took(call, false), 0.99),
    swept: quantile(took(call, true), 0.99),
  }));
  for (const { call, idle, swept } of ratios) {
    console.log(`\np99 of ${call}: ${times(swept / idle)} × that without the sweep.`);
  }
  return { count, left, ratios, looked: Math.max(...alone.map(({ looked }) => looked)) };
}

/** In turns, since the machine is not equally fast all the time; until all records have been looked at once. */
async function sweepAndServe(folder, count, turns) {
  const random = randomFrom(count);
  const server = await startServer(folder);
  const requests = [];
  const beside = [];
  try {
    // For the compiler.
    await serve(server, random, count);
    const alone = await server.sweeping((until) => until((calls) => lookedAt(calls) >= count * ALONE));
    for (let turn = 0; turn < turns || lookedAt(alone) + lookedAt(beside) < count; turn += 1) {
      for (const one of await serve(server, random, count)) requests.push({ ...one, isSwept: false });
      const swept = await server.sweeping(async () => {
        for (const one of await serve(server, random, count)) requests.push({ ...one, isSwept: true });
      });
      beside.push(...swept);
    }
    return { alone, beside, requests };
  } finally {
    await server.stop();
  }
}

/** Reads and writes of sessions that have not expired. They are sent in time, also where earlier ones still wait. */
async function serve(server, random, count) {
  const sent = [];
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      let index = Math.floor(random() * count);
      if (isExpired(index)) index += 1;
      const call = CALLS[sent.length % CALLS.length];
      sent.push(server.request(call, index).then((ms) => ({ call, ms })));
      if (sent.length < AT_A_TURN) return;
      clearInterval(timer);
      resolve();
    }, EVERY_MS);
  });
  return Promise.all(sent);
}

const lookedAt = (calls) => sum(calls.map(({ looked }) => looked));

function workTable(work) {
  const rows = Object.entries(work).map(([when, calls]) => {
    const of = (name) => calls.map((call) => call[name]);
    const removed = sum(of("removed"));
    return [
      when,
      String(calls.length),
      `${median(of("looked"))} · ${Math.max(...of("looked"))}`,
      `${median(of("ms")).toFixed(1)} · ${Math.max(...of("ms")).toFixed(1)}`,
      String(removed),
    ];
  });
  return markdown(
    ["sweep() with", "calls", "looked at (median · most)", "ms (median · most)", "removed"],
    rows,
  );
}

function requestTable(took) {
  const rows = CALLS.flatMap((call) =>
    [false, true].map((isSwept) => {
      const all = took(call, isSwept);
      const figures = [quantile(all, 0.5), quantile(all, 0.99), Math.max(...all)];
      return [call, isSwept ? "yes" : "no", String(all.length), ...figures.map((ms) => ms.toFixed(2))];
    }),
  );
  return markdown(["request", "sweeping", "requests", "p50 ms", "p99 ms", "longest ms"], rows);
}

function countRecords(folder) {
  const parts = readdirSync(folder).filter((name) => /^[0-9a-f]{2}$/.test(name));
  return sum(parts.map((part) => readdirSync(join(folder, part)).length));
}
