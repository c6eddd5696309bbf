// A request's load and commit in Redis beside connect-redis, by `cargo xtask bench redis`: see `--help`.
import { RedisStore } from "connect-redis";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { createClient } from "redis";
import { CacheStorage } from "sessile";
import { RedisStorage, redisChanges } from "sessile/redis";
import { startServer } from "../tests/redis/servers.mjs";
import { pick, randomFrom, shuffled } from "./measuring/random.mjs";
import { markdown, times } from "./measuring/report.mjs";
import { fromCookie, session, sessionId } from "./measuring/sessions.mjs";
import { median, quantile } from "./measuring/statistics.mjs";

const HELP = `cargo xtask bench redis [--quick]
  --quick  fewer rounds: shows that all works, proves nothing`;
const TARGET = 1.2;
const SESSIONS = 2_000;
const IN_FLIGHT = 64;
const SIZES = { "200 B": 200, "1 KB": 1_024, "16 KB": 16_384 };

const { values } = parseArgs({ options: { quick: { type: "boolean" }, help: { type: "boolean" } } });
if (values.help) {
  console.log(HELP);
} else {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  if (values.quick) console.log("\nQuick: fewer rounds, so these figures prove nothing.");
  const server = await startServer();
  const client = await connect(server);
  const rows = [];
  for (const [size, bytes] of Object.entries(SIZES)) {
    rows.push([size, ...(await measure(client, bytes, values.quick ? 3 : 15))]);
  }
  console.log(
    `\n## Load and commit, ${IN_FLIGHT} in flight, on one client and server (medians over rounds)\n`,
  );
  const head = ["value", "connect-redis, requests/s", "sessile", "conditional", "only loads", "only touches"];
  console.log(markdown(head, rows));
  console.log(`\nMultiples of connect-redis's speed. To reach: ${TARGET} for 1 KB. Load ${load()}`);
  await measureChanges(server, values.quick ? 200 : 2_000);
  client.destroy();
  await server.end();
  process.exit();
}

function connect(server, options) {
  return createClient({ url: server.url, ...options })
    .on("error", () => {})
    .connect();
}

/** All in this process and on this client, one after the other in each round, in random order. */
async function measure(client, bytes, rounds) {
  const random = randomFrom(bytes);
  const peer = new RedisStore({ client, prefix: "peer:", ttl: 1_800 });
  const storage = new RedisStorage(client, { idleTimeout: "30m" });
  const ids = Array.from({ length: SESSIONS }, () => sessionId(random));
  for (const id of ids) {
    const made = session(random, bytes);
    await peer.set(id, made);
    await storage.setJson(id, made);
  }
  const requests = {
    peer: async (id) => {
      const found = await peer.get(id);
      found.visits += 1;
      await peer.set(id, found);
    },
    own: async (id) => {
      const found = await storage.getJson(id);
      found.visits += 1;
      await storage.setJson(id, found);
    },
    conditional: async (id) => {
      const { data, info } = await storage.get(id);
      const found = JSON.parse(new TextDecoder().decode(data));
      found.visits += 1;
      await storage.setJson(id, found, { ifRevision: info.revision });
    },
    peerLoad: (id) => peer.get(id),
    load: (id) => storage.getJson(id),
    peerTouch: (id) => peer.touch(id, {}),
    touch: (id) => storage.touch(id),
  };
  const speeds = Object.fromEntries(Object.keys(requests).map((name) => [name, []]));
  for (let round = -2; round < rounds; round += 1) {
    for (const [name, request] of shuffled(random, Object.entries(requests))) {
      const asked = shuffled(random, ids).map(fromCookie);
      globalThis.gc();
      const speed = await inFlight(asked, request);
      if (round >= 0) speeds[name].push(speed);
    }
  }
  const ratio = (name, beside) => times(median(speeds[name].map((speed, at) => speed / speeds[beside][at])));
  return [
    Math.round(median(speeds.peer)).toLocaleString("en"),
    ratio("own", "peer"),
    ratio("conditional", "peer"),
    ratio("load", "peerLoad"),
    ratio("touch", "peerTouch"),
  ];
}

/** How many a second, with so many under way at any time. */
async function inFlight(ids, request) {
  let next = 0;
  const worker = async () => {
    while (next < ids.length) {
      next += 1;
      await request(ids[next - 1]);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return (ids.length * 1_000) / (performance.now() - start);
}

/** From when an invalidate has resolved to when another cache no longer shows the session. */
async function measureChanges(server, rounds) {
  const random = randomFrom(rounds);
  const caches = [];
  const clients = [];
  for (let count = 0; count < 2; count += 1) {
    const client = await connect(server, { RESP: 3, emitInvalidate: true });
    clients.push(client);
    caches.push(new CacheStorage(new RedisStorage(client), { changes: redisChanges(client) }));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const ids = Array.from({ length: 100 }, () => sessionId(random));
  const delays = [];
  for (let round = 0; round < rounds; round += 1) {
    const id = pick(random, ids);
    await caches[1].set(id, "content");
    await caches[1].get(id);
    await caches[0].invalidate(id);
    const resolved = performance.now();
    while ((await caches[1].get(id)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    delays.push(performance.now() - resolved);
  }
  const [middle, late] = [median(delays), quantile(delays, 0.99)].map((delay) => delay.toFixed(2));
  console.log(
    `\nAn invalidate is seen by another cache ${middle} ms after it has resolved; p99 ${late} ms (${rounds} of them).`,
  );
  for (const cache of caches) await cache.close();
  for (const client of clients) client.destroy();
}
