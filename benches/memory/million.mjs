// One million live sessions: the memory that they take, and the pauses while they are used.
import { setImmediate as turn } from "node:timers/promises";
import { collect, watchCollections } from "../measuring/collections.mjs";
import { inFreshProcess } from "../measuring/process.mjs";
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { markdown } from "../measuring/report.mjs";
import { fromCookie, session, sessionId, visit } from "../measuring/sessions.mjs";
import { medians, quantile } from "../measuring/statistics.mjs";
import { FLOOR, LRU, openStore, SESSILE } from "./stores.mjs";

const COMPARED = [FLOOR, LRU, SESSILE];
const BYTES = 512;
const IDS_SEED = 3;
const PER_TICK = 50;

export async function million({ quick }) {
  const count = quick ? 100_000 : 1_000_000;
  const churn = quick ? 30_000 : 300_000;
  const rounds = quick ? 1 : 3;
  const random = randomFrom(count);
  const found = Object.fromEntries(COMPARED.map((store) => [store, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const store of shuffled(random, COMPARED)) {
      found[store].push(await inFreshProcess(import.meta.url, { store, count, churn }));
    }
  }
  const middle = Object.fromEntries(COMPARED.map((store) => [store, medians(found[store])]));
  const rows = COMPARED.map((store) => {
    const { bytes, p999, longest, gcTotal, gcLongest, speed } = middle[store];
    return [
      store,
      bytes.toFixed(0),
      p999.toFixed(1),
      longest.toFixed(1),
      gcTotal.toFixed(0),
      gcLongest.toFixed(1),
      speed.toFixed(0),
    ];
  });
  console.log(
    `\n## ${count} live sessions of about ${middle[SESSILE].json.toFixed(0)} B, then ${churn} read-modify-writes in ticks of ${PER_TICK}` +
      ` (medians of ${rounds} fresh processes)\n`,
  );
  const head = ["store", "bytes per session (RSS)", "p99.9 tick ms", "longest tick ms", "GC total ms"];
  console.log(markdown([...head, "GC longest ms", "thousand read-modify-writes/s"], rows));
  return { sessile: middle[SESSILE], lru: middle[LRU] };
}

export async function measure({ store: name, count, churn }) {
  const random = randomFrom(5);
  // For the compiler, and so that the code is not counted as the sessions' memory.
  const warm = await openStore(name, 4_000);
  const warmIds = Array.from({ length: 2_000 }, () => sessionId(random));
  for (const id of warmIds) await warm.set(id, session(random, BYTES));
  for (const id of warmIds) await warm.set(fromCookie(id), visit(await warm.get(fromCookie(id)), random));
  await warm.close?.();
  await collect();

  const before = process.memoryUsage.rss();
  const store = await openStore(name, count);
  const ids = randomFrom(IDS_SEED);
  let json = 0;
  for (let index = 0; index < count; index += 1) {
    const value = session(random, BYTES);
    if (index % 1_000 === 0) json += Buffer.byteLength(JSON.stringify(value)) / (count / 1_000);
    await store.set(sessionId(ids), value);
    if (index % PER_TICK === 0) await turn();
  }
  await collect();
  const bytes = (process.memoryUsage.rss() - before) / count;

  // Only now, since nobody but the store should have kept the ids: they are made once more.
  const again = randomFrom(IDS_SEED);
  const known = Buffer.allocUnsafeSlow(count * 43);
  for (let index = 0; index < count; index += 1) known.latin1Write(sessionId(again), index * 43);
  await collect();

  const ticks = [];
  const stop = watchCollections();
  for (let done = 0; done < churn; done += PER_TICK) {
    const toRead = [];
    for (let index = 0; index < PER_TICK; index += 1) {
      const at = Math.floor(random() * count) * 43;
      toRead.push(fromCookie(known.latin1Slice(at, at + 43)));
    }
    const toWrite = toRead.map(fromCookie);
    const start = performance.now();
    for (let index = 0; index < PER_TICK; index += 1) {
      const found = await store.get(toRead[index]);
      await store.set(toWrite[index], visit(found, random));
    }
    ticks.push(performance.now() - start);
    await turn();
  }
  const collections = await stop();
  const busy = ticks.reduce((total, tick) => total + tick, 0);
  return {
    bytes,
    json,
    p999: quantile(ticks, 0.999),
    longest: Math.max(...ticks),
    speed: churn / busy,
    ...collections,
  };
}
