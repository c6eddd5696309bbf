// The files of the browser test page, as a server with a file system finds them. What can be asked for is listed
// once, at the start: a name that is not in the list is no path, whatever is in it.
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const peers = at("../benches/node_modules");

/** Whose every file is served, below the name in front. */
const folders = [
  ["", at("../www")],
  ["packages/sessile/", at("node_modules/sessile/dist")],
];

/** The packages that the page measures the storage beside, one file each. */
const single = [
  ["packages/idb-keyval.js", join(peers, "idb-keyval/dist/index.js")],
  ["packages/dexie.mjs", join(peers, "dexie/dist/dexie.mjs")],
  ["packages/localforage.js", join(peers, "localforage/dist/localforage.js")],
];

const listed = new Map(
  [...folders.flatMap(([name, folder]) => filesIn(folder, name)), ...single].filter(([, path]) =>
    existsSync(path),
  ),
);

/** The bytes of a file of the page by its name, such as `page.css`; undefined where there is none. */
export async function files(name) {
  const path = listed.get(name);
  return path && readFile(path);
}

function filesIn(folder, name) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((found) => {
    const path = join(folder, found.name);
    if (found.isDirectory()) return filesIn(path, `${name}${found.name}/`);
    return /\.(html|css|svg|mjs|js|wasm)$/.test(found.name) ? [[name + found.name, path]] : [];
  });
}
