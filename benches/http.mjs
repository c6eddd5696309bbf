// Requests with sessions beside the session layers that frameworks have, by `cargo xtask bench http`: see `--help`.
import autocannon from "autocannon";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { layersOf } from "./http/server.mjs";
import { startProcess } from "./measuring/process.mjs";
import { randomFrom, shuffled } from "./measuring/random.mjs";
import { withRedis } from "./measuring/redis.mjs";
import { markdown, times } from "./measuring/report.mjs";
import { median } from "./measuring/statistics.mjs";
import { table as measureTickets } from "./ticket/table.mjs";

const FRAMEWORKS = { express5: "Express 5", express4: "Express 4", fastify: "Fastify 5" };
const ROUTES = { write: "read and write", read: "read", untouched: "untouched" };
const CONNECTIONS = 32;
const HELP = `cargo xtask bench http [--quick] [--only ${Object.keys(FRAMEWORKS).join("|")}]
  --quick  fewer and shorter rounds: shows that all works, proves nothing
  --only   this framework alone`;
const VERIFY_MICROS = 1;
/** What is to be reached: [framework, route, layer, beside which, at least]. */
const DROP_IN = "sessile/express-session";
const TARGETS = [
  ["express5", "write", "sessile", "express-session", 2.5],
  ["express5", "write", "sessile", "bare", 0.6],
  ...["express5", "express4"].flatMap((framework) =>
    Object.keys(ROUTES).flatMap((route) => [
      [framework, route, DROP_IN, "express-session", 2.5],
      [framework, route, `${DROP_IN}, connect-redis`, "express-session, connect-redis", 1.3],
    ]),
  ),
  ["fastify", "write", "sessile", "@fastify/session", 1.3],
];

const options = { quick: { type: "boolean" }, help: { type: "boolean" }, only: { type: "string" } };
const { values } = parseArgs({ options });
if (values.help) {
  console.log(HELP);
} else if (values.only !== undefined && !Object.hasOwn(FRAMEWORKS, values.only)) {
  console.error(`there is no framework "${values.only}"\n${HELP}`);
  process.exitCode = 2;
} else {
  await run(values);
}

async function run({ quick = false, only }) {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  if (quick) console.log("\nQuick: fewer and shorter rounds, so these figures prove nothing.");
  console.log(
    `\nRequests a second, ${CONNECTIONS} connections with a session of 1 KB each in memory; the server in a process of its ` +
      "own, one at a time. In brackets what the server computes for each, in microseconds of its CPU. Medians over rounds; " +
      "ratios are of the same round.",
  );
  const found = {};
  for (const framework of Object.keys(FRAMEWORKS)) {
    if (only !== undefined && only !== framework) continue;
    found[framework] = await withRedis((redis) =>
      measureFramework(framework, quick ? 2 : 7, quick ? 1 : 2, redis),
    );
    console.log(`\n## ${FRAMEWORKS[framework]}\n`);
    console.log(table(framework, found[framework]));
  }
  const rows = TARGETS.filter(([framework]) => framework in found).map(
    ([framework, route, layer, beside, least]) => {
      const ratio = ratioOf(found[framework], route, layer, beside);
      return [
        `${FRAMEWORKS[framework]}, ${ROUTES[route]}: ${layer} beside ${beside}`,
        `≥ ${least} ×`,
        `${times(ratio)} ×`,
        ratio >= least ? "reached" : "missed",
      ];
    },
  );
  if (only === undefined) {
    const { checkMicros } = await measureTickets({ quick });
    const isReached = checkMicros <= VERIFY_MICROS;
    const measured = `${checkMicros.toFixed(2)} µs (CPU)`;
    rows.push(["verify of a signed id", `≤ ${VERIFY_MICROS} µs`, measured, isReached ? "reached" : "missed"]);
  }
  console.log(
    `\n## Verdict\n\n${markdown(["what", "target", "measured", "verdict"], rows)}\n\nLoad ${load()}`,
  );
}

/** For each layer and route, the speeds of all rounds. */
async function measureFramework(framework, rounds, seconds, redis) {
  const random = randomFrom(rounds);
  const layers = layersOf(framework);
  const speeds = Object.fromEntries(
    layers.map((layer) => [layer, Object.fromEntries(Object.keys(ROUTES).map((route) => [route, []]))]),
  );
  const servers = new Map();
  try {
    for (const layer of layers) {
      const server = startProcess(new URL("http/server.mjs", import.meta.url).href);
      servers.set(layer, { ...server, origin: undefined, cookies: [] });
      const origin = `http://127.0.0.1:${await server.ask({ framework, layer, redis })}`;
      servers.set(layer, { ...server, origin, cookies: await login(origin) });
    }
    for (let round = -1; round < rounds; round += 1) {
      for (const route of shuffled(random, Object.keys(ROUTES))) {
        for (const layer of shuffled(random, layers)) {
          const speed = await fire(servers.get(layer), route, layer, seconds);
          // The first is for the compiler.
          if (round >= 0) speeds[layer][route].push(speed);
        }
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  return speeds;
}

/** A session for each connection. */
async function login(origin) {
  const cookies = [];
  for (let connection = 0; connection < CONNECTIONS; connection += 1) {
    const response = await fetch(`${origin}/write`);
    await response.text();
    cookies.push(response.headers.getSetCookie()[0]?.split(";", 1)[0]);
  }
  return cookies;
}

async function fire({ ask, origin, cookies }, route, layer, seconds) {
  let connection = 0;
  const before = await countOf(origin, cookies[0]);
  const cpu = await ask("cpu");
  const result = await autocannon({
    url: `${origin}/${route}`,
    connections: CONNECTIONS,
    duration: seconds,
    setupClient: (client) => {
      const cookie = cookies[connection++ % CONNECTIONS];
      if (cookie !== undefined) client.setHeaders({ cookie });
    },
  });
  if (result.errors + result.timeouts + result.non2xx > 0) throw new Error(`${layer} failed at ${route}`);
  const computed = (await ask("cpu")) - cpu;
  const counted = (await countOf(origin, cookies[0])) - before;
  // Who is fast because it stores nothing is not measured.
  if (layer !== "bare" && route === "write" ? counted < 10 : counted !== 0) {
    throw new Error(`${layer} counted ${counted} at ${route}`);
  }
  return { speed: result.requests.total / result.duration, cpu: computed / result.requests.total };
}

async function countOf(origin, cookie) {
  const response = await fetch(`${origin}/read`, { headers: cookie === undefined ? {} : { cookie } });
  return Number((await response.text()).slice("count ".length));
}

function ratioOf(speeds, route, layer, beside) {
  return median(speeds[layer][route].map(({ speed }, round) => speed / speeds[beside][route][round].speed));
}

function table(framework, speeds) {
  const layers = layersOf(framework);
  const medianOf = (layer, route, what) => median(speeds[layer][route].map((one) => one[what])).toFixed(0);
  const rows = layers.map((layer) => [
    layer,
    ...Object.keys(ROUTES).map(
      (route) => `${medianOf(layer, route, "speed")} (${medianOf(layer, route, "cpu")})`,
    ),
    ...Object.keys(ROUTES).map((route) =>
      layer === "sessile" ? "" : times(ratioOf(speeds, route, "sessile", layer)),
    ),
  ]);
  const routes = Object.values(ROUTES);
  return markdown(["sessions", ...routes, ...routes.map((route) => `sessile ×, ${route}`)], rows);
}
