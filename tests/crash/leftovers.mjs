// What lies in a folder of sessions, without the storage: by `docs/format.md`.
import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

export const partOf = (id) => sha256(id).slice(0, 2);

/** The names in a folder; none where there is none. */
function namesIn(path) {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

/** The names of a part's tokens. */
export const tokensOf = (root, part) => namesIn(join(root, "turns", part));

/** The names of each part's tokens. */
export function tokens(root) {
  return namesIn(join(root, "turns")).map((part) => ({ part, names: tokensOf(root, part) }));
}

/** Goes through a folder: `strange` is what nobody put there for a reason, `left` what the dead have left. */
export function survey(root, ids) {
  const keys = new Set(ids.map(sha256));
  const found = {
    strange: [],
    left: { staged: 0, made: 0, "in tokens": 0, "tags too many": 0 },
    entries: new Set(),
  };
  const expect = (holds, path) => holds || found.strange.push(path.slice(root.length + 1));
  const isFile = (path) => lstatSync(path).isFile();
  const isFolder = (path) => lstatSync(path).isDirectory();
  for (const name of namesIn(root)) {
    const path = join(root, name);
    if (name === "staged" || name === "made") {
      for (const left of namesIn(path)) {
        const isOwn = /^[0-9a-f]{24}-[0-9a-f]+$/.test(left);
        const isRight = name === "staged" ? isFile(join(path, left)) : isFolder(join(path, left));
        expect(isOwn && isRight, join(path, left));
        found.left[name] += 1;
      }
    } else if (name === "tags") {
      for (const folder of namesIn(path)) {
        for (const entry of namesIn(join(path, folder))) {
          const [, tag, key] = /^([0-9a-f]{32})-([0-9a-f]{64})$/.exec(entry) ?? [];
          const own = join(path, folder, entry);
          expect(/^[0-9a-f]{3}$/.test(folder) && keys.has(key) && lstatSync(own).size === 0, own);
          found.entries.add(`${folder}${tag} ${key}`);
        }
      }
    } else if (name === "turns") {
      for (const { part, names } of tokens(root)) {
        expect(/^[0-9a-f]{2}$/.test(part) && names.length === 1, join(path, part));
        for (const token of names) found.left["in tokens"] += namesIn(join(path, part, token)).length;
      }
    } else {
      expect(/^[0-9a-f]{2}$/.test(name) && isFolder(path), path);
      for (const record of namesIn(path)) {
        expect(keys.has(name + record) && isFile(join(path, record)), join(path, record));
      }
    }
  }
  return found;
}

/** How many of a folder's entries belong to no session and tag of these. */
export function strayEntries({ entries }, sessions) {
  const own = sessions.flatMap(({ id, tags }) =>
    tags.map((tag) => `${sha256(tag).slice(0, 35)} ${sha256(id)}`),
  );
  return [...entries].filter((entry) => !own.includes(entry)).length;
}
