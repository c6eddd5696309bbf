// Runs a suite in workerd: `run-workerd.mjs APP main`
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { COUNTS_MARK, RUNNING_MARK } from "./harness.mjs";
import { workerModules } from "./workerd-bundle.mjs";

const [app, suite] = process.argv.slice(2);

const bindings = { durableObjects: { SESSIONS: "SessionObject" }, kvNamespaces: ["CARTS"] };
const isMain = suite === "main";
const miniflare = new Miniflare({
  compatibilityDate: "2025-01-01",
  modulesRoot: join(app, "workerd"),
  modules: await workerModules(app, isMain ? "workerd-main.mjs" : "workerd-suite.mjs"),
  ...(isMain ? bindings : {}),
});
const response = await miniflare.dispatchFetch(`http://worker/${suite}`);
const text = await response.text();
await miniflare.dispose();
if (!response.ok) throw new Error(text);
const { counts, lines } = JSON.parse(text);
for (const line of lines.filter((text) => !text.startsWith(RUNNING_MARK))) console.log(line);
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
