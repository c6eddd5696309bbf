// A read that hits the cache beside one of the memory storage itself, by `cargo xtask bench cache`: see `--help`.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { CacheStorage, SessionStorageMemory } from "sessile";
import { randomFrom, shuffled } from "./measuring/random.mjs";
import { markdown, times } from "./measuring/report.mjs";
import { fromCookie, sessionId, sessionStock } from "./measuring/sessions.mjs";
import { median } from "./measuring/statistics.mjs";
import { stopwatch } from "./measuring/stopwatch.mjs";

const HELP = `cargo xtask bench cache [--quick]
  --quick  fewer rounds: shows that all works, proves nothing`;
const TARGET = 0.9;
const SESSIONS = 20_000;
const SIZES = { "200 B": 200, "1 KB": 1_024, "16 KB": 16_384 };

const { values } = parseArgs({ options: { quick: { type: "boolean" }, help: { type: "boolean" } } });
if (values.help) {
  console.log(HELP);
} else {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  if (values.quick) console.log("\nQuick: fewer rounds, so these figures prove nothing.");
  const rows = [];
  for (const [size, bytes] of Object.entries(SIZES)) {
    rows.push([size, ...(await measure(bytes, values.quick ? 3 : 15)).map(times)]);
  }
  console.log("\n## A hit, as a multiple of the memory storage's speed (medians over rounds)\n");
  console.log(markdown(["value", "getJson()", "getJson(), CPU", "get()", "get(), CPU"], rows));
  console.log(`\nTo reach: ${TARGET} for 1 KB. Load ${load()}`);
}

/** Both in this process, one after the other in each round, in random order. */
async function measure(bytes, rounds) {
  const random = randomFrom(bytes);
  const memory = new SessionStorageMemory();
  const cache = new CacheStorage(new SessionStorageMemory(), { idleTimeout: "1d", maxBytes: 2 ** 30 });
  const stock = sessionStock(bytes, bytes, 500);
  const count = bytes > 10_000 ? 2_000 : SESSIONS;
  const ids = Array.from({ length: count }, () => sessionId(random));
  for (const [index, id] of ids.entries()) {
    await memory.setJson(id, stock[index % 500]);
    await cache.setJson(id, stock[index % 500]);
  }
  const ratios = { getJson: [], get: [] };
  for (let round = -2; round < rounds; round += 1) {
    for (const method of ["getJson", "get"]) {
      const speed = {};
      for (const [name, storage] of shuffled(random, Object.entries({ memory, cache }))) {
        const asked = shuffled(random, ids).map(fromCookie);
        globalThis.gc();
        const stop = stopwatch();
        for (const id of asked) await storage[method](id);
        speed[name] = stop(count);
      }
      if (round < 0) continue;
      ratios[method].push([speed.cache.wall / speed.memory.wall, speed.cache.cpu / speed.memory.cpu]);
    }
  }
  if (cache.cacheStats().misses > 0) throw new Error("a read did not hit the cache");
  return [ratios.getJson, ratios.get].flatMap((pairs) =>
    [0, 1].map((at) => median(pairs.map((pair) => pair[at]))),
  );
}
