/**
 * Takes over the sessions that another library has kept in a folder. For servers: Node, Deno, Bun.
 *
 * ```js
 * import { DirectoryStorage } from "sessile";
 * import { importSessions, ktorLayout } from "sessile/import";
 *
 * const storage = new DirectoryStorage("./sessions");
 * const { imported, skipped } = await importSessions(storage, ktorLayout("./.sessions"));
 * ```
 *
 * @module
 */
import { SessionError } from "./error.js";
import type { BuiltInStorage } from "./types.js";

export { ktorLayout } from "./import/ktor.js";
export { sessionFileStoreLayout } from "./import/session-file-store.js";

/** A session as another library has kept it. */
export interface FoundSession {
  /** The id that clients hold, without a signature. */
  readonly id: string;
  /** The content as it was kept: what the application itself serialized. */
  readonly data: Uint8Array | string;
  /** How long it may be idle, in milliseconds, where the library has kept that. */
  readonly idleTimeout?: number;
}

/** What came of an import. */
export interface ImportResult {
  /** Sessions written. */
  readonly imported: number;
  /** Sessions left out, since the storage has one of that id, or takes no such id. */
  readonly skipped: number;
}

/**
 * Writes what `sessions` gives into a storage. A session that is there already is newer, and stays; so an import can be
 * repeated, and run beside a server that is at work.
 */
export async function importSessions(
  storage: BuiltInStorage,
  sessions: AsyncIterable<FoundSession>,
): Promise<ImportResult> {
  let imported = 0;
  let skipped = 0;
  for await (const { id, data, idleTimeout } of sessions) {
    try {
      await storage.set(id, data, { ifRevision: null, idleTimeout });
      imported += 1;
    } catch (error) {
      if (!isSkipped(error)) throw error;
      skipped += 1;
    }
  }
  return { imported, skipped };
}

function isSkipped(error: unknown): boolean {
  return (
    error instanceof SessionError &&
    (error.code === "ERR_SESSION_CONFLICT" || error.code === "ERR_SESSION_INVALID_ID")
  );
}
