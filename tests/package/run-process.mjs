// Runs a suite in the process of Node, Deno or Bun: `run-process.mjs main`, `run-process.mjs slim bytes`,
// `run-process.mjs folder`.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { COUNTS_MARK, run as runCases } from "./harness.mjs";
import { runSuite } from "./suite.mjs";
import { wasmSource } from "./wasm-source.mjs";

const [suite, source] = process.argv.slice(2);

async function run(given) {
  const counts = suite === "folder" ? await runFolder() : await runSuite(suite, given, console.log);
  console.log(COUNTS_MARK + JSON.stringify(counts));
  if (counts.failed > 0) process.exitCode = 1;
}

/** Not one of `suite.mjs`, which is bundled for places that have none of Node's modules. */
async function runFolder() {
  await import("./folder.test.mjs");
  await import("./folder-streams.test.mjs");
  await import("./folder-changes.test.mjs");
  await import("./ticket-peer.test.mjs");
  await import("./sessions-node.test.mjs");
  if (globalThis.Deno !== undefined) await import("./deno-kv.test.mjs");
  return runCases(console.log);
}

if (source === undefined) {
  await run({});
} else {
  const file = new URL(import.meta.resolve("sessile/sessile.wasm"));
  const bytes = new Uint8Array(await readFile(fileURLToPath(file)));
  const server = createServer((_, response) =>
    response.setHeader("content-type", "application/wasm").end(bytes),
  );
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = source === "file-url" ? file : `http://127.0.0.1:${server.address().port}/`;
  await run({ source, wasm: wasmSource(source === "file-url" ? "url" : source, bytes, url) });
  server.closeAllConnections();
  server.close();
}

// Nothing of the package may keep a finished program alive.
setTimeout(() => {
  console.log("FAILED something keeps the process alive after the last test");
  process.exit(1);
}, 10_000).unref();
