// Folders of sessions for the tests, and where what lies in them. It loads everywhere: of a platform's modules it
// takes what there is.
import { equal, rejection } from "./expect.mjs";

const builtin = (name) => globalThis.process?.getBuiltinModule?.(name);

/** Undefined where there is no file system. */
export const fs = builtin("node:fs");

let place;

/** A new and empty folder in the system's folder for temporary files. It is gone when the process has ended, if not before. */
export function makeFolder() {
  const { join } = builtin("node:path");
  if (place === undefined) {
    place = fs.mkdtempSync(join(builtin("node:os").tmpdir(), "sessile-folders-"));
    // Some tests run as another user, who must get at what is within.
    fs.chmodSync(place, 0o711);
    globalThis.process.on("exit", () => removeFolder(place));
  }
  return fs.mkdtempSync(join(place, "folder-"));
}

export function removeFolder(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
}

/** What stands for an id in a folder: its SHA-256 in hex. */
export async function keyOf(id) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The part of a folder that a session falls into. */
export async function partOf(root, id) {
  return `${root}/${(await keyOf(id)).slice(0, 2)}`;
}

/** Where a session's record lies, as documented. */
export async function recordOf(root, id) {
  const key = await keyOf(id);
  return `${root}/${key.slice(0, 2)}/${key.slice(2)}`;
}

/** Changes one bit in the middle of a record, as a failing disk does. */
export async function damageRecord(root, id) {
  const path = await recordOf(root, id);
  const bytes = fs.readFileSync(path);
  bytes[bytes.length >> 1] ^= 4;
  fs.writeFileSync(path, bytes);
}

/** Everything under a folder: its paths from there, folders first with a slash at their end, links and all. */
export function tree(folder, prefix = "") {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const name = prefix + entry.name;
      return entry.isDirectory() ? [`${name}/`, ...tree(`${folder}/${entry.name}`, `${name}/`)] : [name];
    });
}

/** The paths of what a folder holds beside records, tags' entries, put-away records and one empty token for each part. */
export function leftovers(root) {
  const expected = [
    /^[0-9a-f]{2}\/([0-9a-f]{62})?$/,
    /^turns\/([0-9a-f]{2}\/((free|(kept|busy)-[0-9a-f]+-[0-9a-f]+)\/)?)?$/,
    /^tags\/([0-9a-f]{3}\/([0-9a-f]{32}-[0-9a-f]{64})?)?$/,
    /^damaged\/([0-9a-f]{64}-[^/]+.*)?$/,
    /^(staged|made)\/$/,
  ];
  const paths = tree(root);
  const tokens = paths.filter((path) => /^turns\/..\/[^/]+\/$/.test(path)).map((path) => path.slice(0, 8));
  return [
    ...paths.filter((path) => !expected.some((pattern) => pattern.test(path))),
    ...tokens.filter((part, at) => tokens.indexOf(part) !== at).map((part) => `a second token in ${part}`),
  ];
}

/** The folder in which the token of a session's part lies. */
export async function turnsOf(root, id) {
  return `${root}/turns/${(await keyOf(id)).slice(0, 2)}`;
}

/** The token of a session's part, whoever has it. */
export async function tokenOf(root, id) {
  const turns = await turnsOf(root, id);
  const names = fs.existsSync(turns) ? fs.readdirSync(turns) : [];
  equal(names.length <= 1, true, `whether there is but one token: ${names}`);
  return `${turns}/${names[0] ?? "free"}`;
}

/** All that an async iterable gives. */
export async function listed(iterable) {
  const all = [];
  for await (const each of iterable) all.push(each);
  return all;
}

/** The names of the records that were put away. */
export function putAway(root) {
  return fs.existsSync(`${root}/damaged`) ? fs.readdirSync(`${root}/damaged`) : [];
}

/** The call rejects with this code, and the error gives away neither the session's id, key nor content. */
export async function refused(promise, code, { id, content }) {
  const error = await rejection(promise);
  equal(error.code, code, `the code of "${error.message}"`);
  const key = await keyOf(id);
  const said = everythingIn(error, 0);
  for (const [what, secret] of Object.entries({ id, key, name: key.slice(2), content })) {
    // What is very short stands in any text by chance.
    if (secret?.length >= 6 && said.includes(secret)) throw new Error(`the error gives the ${what} away`);
  }
  return error;
}

function everythingIn(value, depth) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || depth > 4) return "";
  const own = Object.getOwnPropertyNames(value).map((name) => name + everythingIn(value[name], depth + 1));
  return [value instanceof Error ? `${value}${value.stack}` : "", ...own].join("\n");
}
