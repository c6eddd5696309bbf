// What a client holds, signed and sealed, beside its peers, by `cargo xtask bench ticket`: see `--help`.
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { table } from "./ticket/table.mjs";
import { verdict } from "./ticket/verdict.mjs";

const HELP = `cargo xtask bench ticket [--quick]
  --quick  fewer rounds: shows that all works, proves nothing`;

const { values } = parseArgs({ options: { quick: { type: "boolean" }, help: { type: "boolean" } } });
if (values.help) {
  console.log(HELP);
} else {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  if (values.quick) console.log("\nQuick: fewer rounds, so these figures prove nothing.");
  verdict(await table(values));
  console.log(`\nload ${load()}`);
}
