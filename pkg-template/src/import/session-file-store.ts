import type { FoundSession } from "../import.js";
import { importFiles, readIfThere } from "./files.js";

/** How the store was set up. */
export interface SessionFileStoreOptions {
  /** As it was given to the store; `.json` by default. */
  readonly fileExtension?: string;
  /** As it was given to the store, in seconds; 3,600 by default. For sessions whose cookie has no age. */
  readonly ttl?: number;
}

/** What the store has added to an express session, and what of that tells how long it lives. */
interface StoredSession {
  readonly cookie?: { readonly originalMaxAge?: number | null };
  readonly __lastAccess?: number;
}

/**
 * Reads a folder of session-file-store: one file of JSON for each session, named by its id. The content is that JSON,
 * as express-session wants it, without the time of the last access that the store adds for itself. Sessions that
 * the store takes for expired are left out, as are files that are no JSON: it has torn them. Reading changes nothing.
 */
export async function* sessionFileStoreLayout(
  root: string | URL,
  options: SessionFileStoreOptions = {},
): AsyncGenerator<FoundSession, void, undefined> {
  const { files, folder } = importFiles(root);
  const { fileExtension = ".json", ttl = 3_600 } = options;
  for (const entry of await files.readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(fileExtension)) continue;
    const bytes = await readIfThere(files, `${folder}/${entry.name}`);
    const found = bytes === undefined ? undefined : read(bytes, ttl * 1_000);
    if (found === undefined) continue;
    yield { id: entry.name.slice(0, entry.name.length - fileExtension.length), ...found };
  }
}

function read(bytes: Uint8Array, ttl: number): Omit<FoundSession, "id"> | undefined {
  const session = parse(bytes);
  if (session === undefined) return undefined;
  const { __lastAccess: lastAccess = 0, ...content } = session;
  const data = JSON.stringify(content);
  const idleTimeout = content.cookie?.originalMaxAge ?? ttl;
  // Zero is the store's way to say: for ever.
  if (idleTimeout === 0) return { data };
  return lastAccess + idleTimeout < Date.now() ? undefined : { data, idleTimeout };
}

function parse(bytes: Uint8Array): StoredSession | undefined {
  try {
    const session: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof session === "object" && session !== null ? session : undefined;
  } catch {
    return undefined;
  }
}
