// Runs a suite in a page of a browser, from the files as they are installed, found through an import map:
// `run-browser.mjs APP firefox main`, `run-browser.mjs APP webkit slim bytes`, `run-browser.mjs APP chromium quota strict`.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withPage } from "./browser.mjs";
import { COUNTS_MARK } from "./harness.mjs";

const [app, engine, suite, source] = process.argv.slice(2);

const manifest = JSON.parse(readFileSync(join(app, "node_modules/sessile/package.json"), "utf8"));
const imports = Object.fromEntries(
  Object.entries(manifest.exports).map(([name, target]) => [
    join("sessile", name),
    join("/node_modules/sessile", typeof target === "string" ? target : target.default),
  ]),
);
const file = `suite-${engine}.html`;
writeFileSync(
  join(app, file),
  `<!doctype html><title>suite</title><script type="importmap">${JSON.stringify({ imports })}</script><body></body>`,
);

/** In the suite of that name: room for some sessions, soon filled. Firefox allows a site no less. */
const QUOTA = 10 * 1024 * 1024;
const options =
  suite === "quota" ? { quota: QUOTA, profile: mkdtempSync(join(tmpdir(), "sessile-quota-")) } : {};

async function runOnPage(page, origin) {
  page.onConsole(({ text }) => console.log(text));
  await page.goto(`${origin}/${file}`);
  const counted = await page.evaluate(
    async (name, kind, wasmUrl, quota) => {
      const { runSuite } = await import(`${location.origin}/suite.mjs`);
      const { wasmSource } = await import(`${location.origin}/wasm-source.mjs`);
      if (kind === null) return runSuite(name, { databases: true }, console.log);
      if (name === "quota") return runSuite(name, { quota, durability: kind }, console.log);
      const bytes = new Uint8Array(await (await fetch(wasmUrl)).arrayBuffer());
      return runSuite(name, { source: kind, wasm: wasmSource(kind, bytes, wasmUrl) }, console.log);
    },
    suite,
    source ?? null,
    origin + imports["sessile/sessile.wasm"],
    options.quota ?? null,
  );
  for (const error of page.errors) console.log(`FAILED on the page itself: ${error}`);
  return { passed: counted.passed, failed: counted.failed + page.errors.length };
}

let counts;
try {
  counts = await withPage(engine, app, runOnPage, options);
} finally {
  if (options.profile !== undefined) rmSync(options.profile, { recursive: true, force: true });
}

console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
