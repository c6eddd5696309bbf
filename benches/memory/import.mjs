// From the import to the first session, in a fresh Node and in a fresh workerd.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inFreshProcess } from "../measuring/process.mjs";
import { markdown } from "../measuring/report.mjs";
import { median, sum } from "../measuring/statistics.mjs";

const WORKER = `
export default {
  async fetch() {
    const start = Date.now();
    const { SessionStorageMemory } = await import("./sessile.js");
    const storage = new SessionStorageMemory();
    await storage.setJson("first", { user: 17 });
    return Response.json(Date.now() - start);
  },
};`;

export async function importing({ quick }) {
  const count = quick ? 5 : 15;
  const inNode = [];
  for (let round = 0; round < count; round += 1) inNode.push(await inFreshProcess(import.meta.url, {}));
  const inWorkerd = await measureWorkerd(count);
  const node = median(inNode);
  // Its clock counts whole milliseconds, of which the median would tell no more.
  const workerd = sum(inWorkerd) / count;
  console.log(`\n## From import to the first session (${count} fresh processes)\n`);
  const range = (numbers, digits) =>
    [Math.min(...numbers), Math.max(...numbers)].map((number) => number.toFixed(digits)).join("–");
  console.log(
    markdown(
      ["runtime", "ms", "min–max"],
      [
        [`Node ${process.versions.node} (median)`, node.toFixed(1), range(inNode, 1)],
        ["workerd (mean; inside the first request)", workerd.toFixed(1), range(inWorkerd, 0)],
      ],
    ),
  );
  return { node, workerd };
}

export async function measure() {
  const start = performance.now();
  const { SessionStorageMemory } = await import("sessile");
  const storage = new SessionStorageMemory();
  await storage.setJson("first", { user: 17 });
  return performance.now() - start;
}

/** The package as a worker's bundler makes it, imported within the request: workerd starts no clock before. */
async function measureWorkerd(count) {
  // The tests bring workerd and the bundler, and have been installed: the Node that runs this is theirs.
  const require = createRequire(new URL("../../tests/package.json", import.meta.url));
  const { build } = require("esbuild");
  const { Miniflare } = require("miniflare");
  const folder = await mkdtemp(join(tmpdir(), "sessile-bench-"));
  try {
    await build({
      stdin: {
        contents: 'export * from "sessile";',
        resolveDir: fileURLToPath(new URL("..", import.meta.url)),
      },
      outfile: join(folder, "sessile.js"),
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      loader: { ".wasm": "copy" },
      assetNames: "[name]",
      logLevel: "warning",
    });
    const modules = [
      { type: "ESModule", path: join(folder, "worker.js"), contents: WORKER },
      module(folder, "ESModule", "sessile.js"),
      module(folder, "CompiledWasm", "sessile.wasm"),
    ];
    const results = [];
    for (let round = 0; round < count; round += 1) {
      const miniflare = new Miniflare({ compatibilityDate: "2025-01-01", modulesRoot: folder, modules });
      const response = await miniflare.dispatchFetch("http://worker/");
      const text = await response.text();
      await miniflare.dispose();
      if (!response.ok) throw new Error(text);
      results.push(JSON.parse(text));
    }
    return results;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function module(folder, type, name) {
  const path = join(folder, name);
  return { type, path, contents: readFileSync(path) };
}
