// A worker as its users bundle one: esbuild with the condition `workerd`, `.wasm` files beside the script.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** The modules of the worker that this file of `app` is, for miniflare; they lie in `workerd/`. */
export async function workerModules(app, file) {
  const bundle = await build({
    absWorkingDir: app,
    entryPoints: [join(app, file)],
    outdir: join(app, "workerd"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    logLevel: "warning",
  });
  if (bundle.warnings.length > 0) throw new Error("esbuild warned");
  const script = join(app, "workerd", file.replace(/\.mjs$/, ".js"));
  const wasm = join(app, "workerd/sessile.wasm");
  return [
    { type: "ESModule", path: script, contents: readFileSync(script, "utf8") },
    { type: "CompiledWasm", path: wasm, contents: readFileSync(wasm) },
  ];
}
