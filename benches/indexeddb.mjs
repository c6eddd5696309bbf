// The storage in a browser's database beside its peers, by `cargo xtask bench indexeddb`: see `--help`.
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ENGINES } from "../tests/package/browser.mjs";
import { serve } from "../tests/package/static-server.mjs";
import { stream } from "./indexeddb/stream.mjs";
import { table } from "./indexeddb/table.mjs";
import { verdict } from "./indexeddb/verdict.mjs";
import { withFolders } from "./measuring/folders.mjs";

const MEASUREMENTS = { table, stream };
const HELP = `cargo xtask bench indexeddb [--quick] [--only ${Object.keys(MEASUREMENTS).join("|")}] [--engine ${ENGINES.join("|")}]...
  --quick   fewer rounds and a smaller stream: shows that all works, proves nothing
  --only    this measurement alone
  --engine  this browser alone, or these`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    engine: { type: "string", multiple: true, default: ENGINES },
    help: { type: "boolean" },
  },
});
const unknown = [
  ...values.engine.filter((engine) => !ENGINES.includes(engine)).map((engine) => `engine "${engine}"`),
  ...[values.only]
    .filter((name) => name && !Object.hasOwn(MEASUREMENTS, name))
    .map((name) => `measurement "${name}"`),
];
if (values.help) {
  console.log(HELP);
} else if (unknown.length > 0) {
  console.error(`there is no ${unknown.join(", no ")}\n${HELP}`);
  process.exitCode = 2;
} else {
  await withFolders(undefined, (folders) => run({ ...values, engines: values.engine, folders }));
}

async function run({ quick = false, only, engines, folders }) {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# ${engines.join(", ")}; ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  if (quick) console.log("\nQuick: fewer rounds and a smaller stream, so these figures prove nothing.");
  const started = performance.now();
  const server = await serve(fileURLToPath(new URL(".", import.meta.url)));
  const url = `${server.origin}/indexeddb/page.html`;
  const found = {};
  try {
    for (const [name, measurement] of Object.entries(MEASUREMENTS)) {
      if (only === undefined || only === name)
        found[name] = await measurement({ quick, engines, url, folders });
    }
  } finally {
    server.close();
  }
  verdict(found);
  console.log(`\n${((performance.now() - started) / 1_000).toFixed(0)} s; load ${load()}`);
}
