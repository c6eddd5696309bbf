// Insert, read and overwrite at three sizes, awaited one after another.
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { startProcess } from "../measuring/process.mjs";
import { markdown, times } from "../measuring/report.mjs";
import { fromCookie, sessionId, sessionStock } from "../measuring/sessions.mjs";
import { median, sum } from "../measuring/statistics.mjs";
import { share, stopwatch } from "../measuring/stopwatch.mjs";
import { EXPRESS, FLOOR, openStore, SESSILE, STORES } from "./stores.mjs";

const SIZES = [
  { name: "200 B", bytes: 200, calls: 20_000, stock: 1_000 },
  { name: "1 KB", bytes: 1_024, calls: 20_000, stock: 1_000 },
  { name: "16 KB", bytes: 16_384, calls: 1_500, stock: 150 },
];
const OPERATIONS = ["insert", "read", "overwrite"];

export async function table({ quick }) {
  const rounds = quick ? 3 : 11;
  const rows = [];
  const timings = [];
  let ratios;
  for (const { name: size, bytes, calls, stock } of SIZES) {
    const speeds = await measureAll(bytes, quick ? calls / 4 : calls, stock, rounds);
    timings.push(...Object.values(speeds).flat().flatMap(Object.values));
    // Round by round, since the machine is not equally fast in all of them.
    const ratio = (store, other, operation, clock) =>
      median(
        speeds[store].map((round, index) => round[operation][clock] / speeds[other][index][operation][clock]),
      );
    for (const store of STORES) {
      const against = (other, clock) =>
        OPERATIONS.map((operation) => times(ratio(store, other, operation, clock))).join(" · ");
      const speed = (operation) => median(speeds[store].map((round) => round[operation].wall)).toFixed(0);
      rows.push([size, store, ...OPERATIONS.map(speed)]);
      for (const clock of ["wall", "cpu"]) rows.at(-1).push(against(FLOOR, clock), against(EXPRESS, clock));
    }
    if (bytes !== 1_024) continue;
    const both = (other, operation) => ({
      wall: ratio(SESSILE, other, operation, "wall"),
      cpu: ratio(SESSILE, other, operation, "cpu"),
    });
    ratios = OPERATIONS.map((operation) => ({
      operation,
      floor: both(FLOOR, operation),
      express: both(EXPRESS, operation),
    }));
  }
  console.log(`\n## JSON values, thousand calls a second (medians of ${rounds} rounds)\n`);
  const beside = ["× Map (i · r · o)", "× express-session"];
  const head = ["value", "store", ...OPERATIONS, ...beside, ...beside.map((title) => `${title}, CPU`)];
  console.log(markdown(head, rows));
  console.log(`\nThe machine let the processes run ${(share(timings) * 100).toFixed(0)} % of the time.`);
  return ratios;
}

/** The processes live through all rounds, and within a round each has its turn at a random place. */
async function measureAll(bytes, calls, stock, rounds) {
  const random = randomFrom(bytes);
  const children = Object.fromEntries(STORES.map((store) => [store, startProcess(import.meta.url)]));
  const speeds = Object.fromEntries(STORES.map((store) => [store, []]));
  try {
    // Two rounds for the compiler to see what is hot.
    for (let round = -2; round < rounds; round += 1) {
      for (const store of shuffled(random, STORES)) {
        const speed = await children[store].ask({ store, bytes, calls, stock, round });
        if (round >= 0) speeds[store].push(speed);
      }
    }
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
  }
  return speeds;
}

let values;

/** One round in the process of one store. */
export async function measure({ store: name, bytes, calls, stock, round }) {
  values ??= sessionStock(bytes, bytes, stock);
  const random = randomFrom(round + 1_000);
  // Everything that a server would have in hand already is made outside the timed loops.
  const ids = Array.from({ length: calls }, () => sessionId(random));
  const toRead = shuffled(random, ids).map(fromCookie);
  const toOverwrite = shuffled(random, ids).map(fromCookie);
  const store = await openStore(name, calls);

  globalThis.gc();
  let stop = stopwatch();
  for (let index = 0; index < calls; index += 1) await store.set(ids[index], values[index % stock]);
  const insert = stop(calls);

  globalThis.gc();
  let visits = 0;
  stop = stopwatch();
  for (let index = 0; index < calls; index += 1) visits += (await store.get(toRead[index])).visits;
  const read = stop(calls);
  const expected = sum(ids.map((_, index) => values[index % stock].visits));
  if (visits !== expected) throw new Error(`${name} read other sessions than were written`);

  globalThis.gc();
  stop = stopwatch();
  for (let index = 0; index < calls; index += 1) {
    await store.set(toOverwrite[index], values[(index + 1) % stock]);
  }
  const overwrite = stop(calls);

  await store.close?.();
  return { insert, read, overwrite };
}
