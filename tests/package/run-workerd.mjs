// Runs a suite in workerd, bundled as its users bundle: esbuild with the condition `workerd`, `.wasm` files
// beside the script. `run-workerd.mjs APP main`
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { COUNTS_MARK, RUNNING_MARK } from "./harness.mjs";

const [app, suite] = process.argv.slice(2);

const bundle = await build({
  absWorkingDir: app,
  entryPoints: [join(app, "workerd-main.mjs")],
  outdir: join(app, "workerd"),
  bundle: true,
  format: "esm",
  conditions: ["workerd", "worker", "browser"],
  loader: { ".wasm": "copy" },
  assetNames: "[name]",
  logLevel: "warning",
});
if (bundle.warnings.length > 0) throw new Error("esbuild warned");

const miniflare = new Miniflare({
  compatibilityDate: "2025-01-01",
  modulesRoot: join(app, "workerd"),
  modules: [
    {
      type: "ESModule",
      path: join(app, "workerd/workerd-main.js"),
      contents: readFileSync(join(app, "workerd/workerd-main.js"), "utf8"),
    },
    {
      type: "CompiledWasm",
      path: join(app, "workerd/sessile.wasm"),
      contents: readFileSync(join(app, "workerd/sessile.wasm")),
    },
  ],
});
const response = await miniflare.dispatchFetch(`http://worker/${suite}`);
const text = await response.text();
await miniflare.dispose();
if (!response.ok) throw new Error(text);
const { counts, lines } = JSON.parse(text);
for (const line of lines.filter((text) => !text.startsWith(RUNNING_MARK))) console.log(line);
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
