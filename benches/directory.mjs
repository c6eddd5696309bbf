// The storage in a folder beside its peers, by `cargo xtask bench directory`: see `--help`.
import { statfsSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { withFolders } from "./measuring/folders.mjs";
import { stream } from "./directory/stream.mjs";
import { sweep } from "./directory/sweep.mjs";
import { table } from "./directory/table.mjs";
import { verdict } from "./directory/verdict.mjs";

const MEASUREMENTS = { table, stream, sweep };
const FILE_SYSTEMS = {
  0x01021994: "tmpfs",
  0xef53: "ext",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x794c7630: "overlay",
};
const HELP = `cargo xtask bench directory [--quick] [--million] [--folder PATH] [--only ${Object.keys(MEASUREMENTS).join("|")}]
  --quick    fewer rounds and a smaller stream: shows that all works, proves nothing
  --million  the sweep goes through a million files (5 GB), not 20,000
  --folder   where the files are made, in a folder of their own that is removed at the end; by default, where temporary ones are
  --only     this measurement alone`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean" },
    million: { type: "boolean" },
    folder: { type: "string" },
    only: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(HELP);
} else if (values.only !== undefined && !Object.hasOwn(MEASUREMENTS, values.only)) {
  console.error(`there is no measurement "${values.only}"\n${HELP}`);
  process.exitCode = 2;
} else {
  await withFolders(values.folder, (folders) => run({ ...values, folders }));
}

async function run({ quick = false, million = false, only, folders }) {
  const load = () => loadavg()[0].toFixed(1);
  console.log(`# Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}; load ${load()}`);
  const { type } = statfsSync(folders.own);
  console.log(`\nThe file system is ${FILE_SYSTEMS[type] ?? `of type 0x${type.toString(16)}`}.`);
  if (quick) console.log("\nQuick: fewer rounds and a smaller stream, so these figures prove nothing.");
  const started = performance.now();
  const found = {};
  for (const [name, measurement] of Object.entries(MEASUREMENTS)) {
    if (only === undefined || only === name) found[name] = await measurement({ quick, million, folders });
  }
  verdict(found);
  console.log(`\n${((performance.now() - started) / 1_000).toFixed(0)} s; load ${load()}`);
}
