// Serves an edge worker in workerd, bundled as its users bundle: `serve-worker.mjs FILE`, on `PORT`.
import { join } from "node:path";
import process from "node:process";
import { Miniflare } from "miniflare";
import { workerModules } from "../package/workerd-bundle.mjs";

const [file] = process.argv.slice(2);
const folder = process.cwd();
const miniflare = new Miniflare({
  compatibilityDate: "2025-01-01",
  port: Number(process.env.PORT),
  modulesRoot: join(folder, "workerd"),
  modules: await workerModules(folder, file),
  handleRuntimeStdio(output, errors) {
    output.pipe(process.stdout);
    errors.pipe(process.stderr);
  },
});
console.log(`http://localhost:${(await miniflare.ready).port}`);
process.on("SIGTERM", () => miniflare.dispose().then(() => process.exit()));
