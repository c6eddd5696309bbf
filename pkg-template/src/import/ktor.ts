import type { FoundSession } from "../import.js";
import { importFiles, readIfThere, type ImportFiles } from "./files.js";

const ENDING = ".dat";

/**
 * Reads a folder of Ktor's `directorySessionStorage`. There an id is cut into pieces of two characters, which are
 * folders one in another; the last is a file that ends in `.dat`, and holds the serialized session: `id1` lies in
 * `id/1.dat`. Reading changes nothing.
 */
export async function* ktorLayout(root: string | URL): AsyncGenerator<FoundSession, void, undefined> {
  const { files, folder } = importFiles(root);
  yield* below(files, folder, "");
}

async function* below(
  files: ImportFiles,
  folder: string,
  begun: string,
): AsyncGenerator<FoundSession, void, undefined> {
  for (const entry of await files.readdir(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      yield* below(files, path, begun + entry.name);
    } else if (entry.isFile() && entry.name.endsWith(ENDING)) {
      const data = await readIfThere(files, path);
      // Ktor itself takes an empty file for one that it failed to write.
      if (data === undefined || data.length === 0) continue;
      yield { id: begun + entry.name.slice(0, -ENDING.length), data };
    }
  }
}
