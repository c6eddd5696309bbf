// Runs a suite in a page of Chromium, from the files as they are installed, found through an import map:
// `run-chromium.mjs APP main`, `run-chromium.mjs APP slim bytes`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withPage } from "./chromium.mjs";
import { COUNTS_MARK } from "./harness.mjs";

const [app, suite, source] = process.argv.slice(2);

const manifest = JSON.parse(readFileSync(join(app, "node_modules/sessile/package.json"), "utf8"));
const imports = Object.fromEntries(
  Object.entries(manifest.exports).map(([name, target]) => [
    join("sessile", name),
    join("/node_modules/sessile", typeof target === "string" ? target : target.default),
  ]),
);
writeFileSync(
  join(app, "suite.html"),
  `<!doctype html><title>suite</title><script type="importmap">${JSON.stringify({ imports })}</script>`,
);

const counts = await withPage(app, async (page, origin) => {
  let broken = 0;
  page.on("console", (message) => console.log(message.text()));
  page.on("pageerror", (error) => {
    broken += 1;
    console.log(`FAILED on the page itself: ${error.stack ?? error}`);
  });
  await page.goto(`${origin}/suite.html`);
  const counted = await page.evaluate(
    async ([name, kind, wasmUrl]) => {
      const { runSuite } = await import("/suite.mjs");
      const { wasmSource } = await import("/wasm-source.mjs");
      if (kind === undefined) return runSuite(name, {}, console.log);
      const bytes = new Uint8Array(await (await fetch(wasmUrl)).arrayBuffer());
      return runSuite(name, { source: kind, wasm: wasmSource(kind, bytes, wasmUrl) }, console.log);
    },
    [suite, source, origin + imports["sessile/sessile.wasm"]],
  );
  return { passed: counted.passed, failed: counted.failed + broken };
});

console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
