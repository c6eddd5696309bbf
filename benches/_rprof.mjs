import { RedisStore } from "connect-redis";
import { createClient } from "redis";
import { RedisStorage } from "sessile/redis";
import { startServer } from "../tests/redis/servers.mjs";
import { randomFrom, shuffled } from "./measuring/random.mjs";
import { fromCookie, session, sessionId } from "./measuring/sessions.mjs";
const server = await startServer();
const client = await createClient({ url: server.url }).on("error", () => {}).connect();
const random = randomFrom(1024);
const peer = new RedisStore({ client, prefix: "peer:", ttl: 1_800 });
const storage = new RedisStorage(client, { idleTimeout: "30m" });
const ids = Array.from({ length: 2000 }, () => sessionId(random));
for (const id of ids) { const made = session(random, 1024); await peer.set(id, made); await storage.setJson(id, made); }
const kinds = {
  peer: async (id) => { const f = await peer.get(id); f.visits += 1; await peer.set(id, f); },
  own: async (id) => { const f = await storage.getJson(id); f.visits += 1; await storage.setJson(id, f); },
  conditional: async (id) => { const { data, info } = await storage.get(id); const f = JSON.parse(new TextDecoder().decode(data)); f.visits += 1; await storage.setJson(id, f, { ifRevision: info.revision }); },
  peerLoad: (id) => peer.get(id), load: (id) => storage.getJson(id), peerTouch: (id) => peer.touch(id, {}), touch: (id) => storage.touch(id),
};
const info = async () => { const t = await client.info("cpu"); const g = (n) => Number(t.match(new RegExp(n + ":([0-9.]+)"))[1]); return (g("used_cpu_user") + g("used_cpu_sys")) * 1e6; };
for (const [name, f] of Object.entries(kinds)) {
  if (process.env.ONLY && !process.env.ONLY.split(",").includes(name)) continue;
  const run = async (n) => { for (let k = 0; k < n; k++) { const asked = shuffled(random, ids).map(fromCookie); let next = 0; const worker = async () => { while (next < asked.length) { next += 1; await f(asked[next - 1]); } }; await Promise.all(Array.from({ length: 64 }, worker)); } };
  await run(5);
  const c = process.cpuUsage(), s = await info(), t = performance.now(); const N = Number(process.env.N ?? 10);
  await run(N);
  const d = process.cpuUsage(c), e = performance.now() - t, s2 = await info(); const q = N * 2000;
  console.log(name.padEnd(12), "req/s", Math.round(q / e * 1000), "client cpu", ((d.user + d.system) / q).toFixed(1), "server cpu", ((s2 - s) / q).toFixed(1));
}
client.destroy(); await server.end(); process.exit();
