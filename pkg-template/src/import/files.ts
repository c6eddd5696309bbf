import { SessionError } from "../error.js";
import { codeOf, nodeModules } from "../folder/node-fs.js";

/** The little of `node:fs/promises` that an import needs. */
export interface ImportFiles {
  readdir(path: string, options: { withFileTypes: true }): Promise<Entry[]>;
  readFile(path: string): Promise<Uint8Array>;
}

interface Entry {
  readonly name: string;
  isDirectory(): boolean;
  isFile(): boolean;
}

/** The host's files and the folder's absolute path. */
export function importFiles(root: string | URL): { files: ImportFiles; folder: string } {
  const node = nodeModules();
  if (node === undefined) {
    throw new SessionError("ERR_SESSION_UNSUPPORTED", "there is no file system to import sessions from");
  }
  const { promises } = node.fs as unknown as { promises: ImportFiles };
  return { files: promises, folder: node.resolve(root) };
}

/** A file's bytes, or undefined for one that went while the folder was read. */
export async function readIfThere(files: ImportFiles, path: string): Promise<Uint8Array | undefined> {
  try {
    return await files.readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
