// Growing from empty: how many sessions of 1 KB a second, with what the collector takes of it.
import { collect, watchCollections } from "../measuring/collections.mjs";
import { inFreshProcess } from "../measuring/process.mjs";
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { markdown, times } from "../measuring/report.mjs";
import { sessionId, sessionStock } from "../measuring/sessions.mjs";
import { median, medians } from "../measuring/statistics.mjs";
import { share, stopwatch } from "../measuring/stopwatch.mjs";
import { EXPRESS, FLOOR, LRU, openStore, SESSILE } from "./stores.mjs";

const COMPARED = [FLOOR, LRU, EXPRESS, SESSILE];
const STOCK = 1_000;

export async function insert({ quick }) {
  const count = quick ? 100_000 : 400_000;
  const rounds = quick ? 1 : 5;
  const random = randomFrom(count);
  const found = Object.fromEntries(COMPARED.map((store) => [store, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const store of shuffled(random, COMPARED)) {
      found[store].push(await inFreshProcess(import.meta.url, { store, count }));
    }
  }
  const ratio = (store, clock) =>
    median(found[store].map((round, index) => round[clock] / found[FLOOR][index][clock]));
  const rows = COMPARED.map((store) => {
    const { wall, gcTotal, gcLongest } = medians(found[store]);
    const ratios = [times(ratio(store, "wall")), times(ratio(store, "cpu"))];
    return [store, wall.toFixed(0), ...ratios, gcTotal.toFixed(0), gcLongest.toFixed(1)];
  });
  console.log(
    `\n## ${count} sessions of 1 KB into an empty storage (medians of ${rounds} fresh processes)\n`,
  );
  const head = ["store", "thousand inserts/s", "× Map", "× Map, CPU", "GC total ms", "GC longest ms"];
  console.log(markdown(head, rows));
  const ran = share(Object.values(found).flat());
  console.log(`\nThe machine let the processes run ${(ran * 100).toFixed(0)} % of the time.`);
  return { wall: ratio(SESSILE, "wall"), cpu: ratio(SESSILE, "cpu") };
}

export async function measure({ store: name, count }) {
  const random = randomFrom(7);
  const values = sessionStock(11, 1_024, STOCK);
  const ids = Array.from({ length: count }, () => sessionId(random));
  // For the compiler, in a store that is then forgotten.
  const warm = await openStore(name, 2_000);
  for (let index = 0; index < 2_000; index += 1) await warm.set(ids[index], values[index % STOCK]);
  await warm.close?.();
  const store = await openStore(name, count);
  await collect();

  const stopWatching = watchCollections();
  const stopTime = stopwatch();
  for (let index = 0; index < count; index += 1) await store.set(ids[index], values[index % STOCK]);
  const { wall, cpu } = stopTime(count);
  const collections = await stopWatching();
  if ((await store.get(ids[0])).visits !== values[0].visits) throw new Error(`${name} lost a session`);
  return { wall, cpu, ...collections };
}
