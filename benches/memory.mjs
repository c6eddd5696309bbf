// The storage in memory beside its peers, by `cargo xtask bench memory`: see `--help`.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { importing } from "./memory/import.mjs";
import { insert } from "./memory/insert.mjs";
import { million } from "./memory/million.mjs";
import { stream } from "./memory/stream.mjs";
import { table } from "./memory/table.mjs";
import { verdict } from "./memory/verdict.mjs";

const MEASUREMENTS = { table, insert, million, stream, import: importing };
const HELP = `cargo xtask bench memory [--quick] [--only ${Object.keys(MEASUREMENTS).join("|")}]
  --quick  fewer rounds and smaller storages: shows that all works, proves nothing
  --only   this measurement alone`;

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, only: { type: "string" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(HELP);
} else if (values.only !== undefined && !Object.hasOwn(MEASUREMENTS, values.only)) {
  console.error(`there is no measurement "${values.only}"\n${HELP}`);
  process.exitCode = 2;
} else {
  await run(values);
}

async function run({ quick = false, only }) {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  if (quick) console.log("\nQuick: fewer rounds and smaller storages, so these figures prove nothing.");
  const started = performance.now();
  const found = {};
  for (const [name, measurement] of Object.entries(MEASUREMENTS)) {
    if (only === undefined || only === name) found[name] = await measurement({ quick });
  }
  verdict(found);
  console.log(`\n${((performance.now() - started) / 1_000).toFixed(0)} s; load ${load()}`);
}
