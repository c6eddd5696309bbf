// Serves worker.mjs in workerd, through miniflare: node workerd.mjs (Node 22 or later)
//
// A bundler would put the worker together for production. Here its modules are handed over one by one, to
// show that the package needs no bundler: workerd takes the `.wasm` file as it is.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare, Response } from "miniflare";
import { files } from "./files.mjs";
import { host, port, secure, sayWhere } from "./listen.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const manifest = createRequire(import.meta.url).resolve("sessile/package.json");
const entry = JSON.parse(readFileSync(manifest, "utf8")).exports["."].workerd;

const packageFolder = dirname(manifest);
const entryFolder = dirname(join(packageFolder, entry));

function* filesIn(folder) {
  for (const found of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, found.name);
    if (found.isDirectory()) yield* filesIn(path);
    else if (/\.(js|wasm)$/.test(found.name)) yield path;
  }
}

const own = [
  "worker.mjs",
  "app.mjs",
  "company.mjs",
  "cookie.mjs",
  "page.mjs",
  "race-panel.mjs",
  "races.mjs",
  "www.mjs",
].map((name) => ({
  type: "ESModule",
  path: name,
  contents: readFileSync(join(here, name), "utf8"),
}));
const packaged = [...filesIn(entryFolder)].map((path) => ({
  type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
  path: posix.join("package", relative(packageFolder, path).split(sep).join("/")),
  contents: path.endsWith(".wasm") ? readFileSync(path) : readFileSync(path, "utf8"),
}));
// workerd knows no packages: the bare name is one more module.
const name = {
  type: "ESModule",
  path: "sessile",
  contents: `export * from "./${posix.join("package", entry)}";`,
};

const miniflare = new Miniflare({
  host,
  port,
  cf: false,
  compatibilityDate: "2025-01-01",
  modules: [...own, name, ...packaged],
  bindings: { SECURE: secure },
  serviceBindings: { FILES: sendFile },
});
sayWhere((await miniflare.ready).port);

async function sendFile({ url }) {
  const body = await files(new URL(url).searchParams.get("name"));
  return body ? new Response(body) : new Response(null, { status: 404 });
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  // miniflare's own would end the process as if it had been killed.
  process.removeAllListeners(signal);
  process.once(signal, async () => {
    await miniflare.dispose();
    process.exit(0);
  });
}
