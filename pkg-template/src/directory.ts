import { CacheStorage } from "./cache.js";
import { declareBuiltIn } from "./delegate.js";
import { FolderFiles, type FolderIo } from "./folder/files.js";
import { nodeModules } from "./folder/node-fs.js";
import { SessionError } from "./error.js";
import { checkStorageOptions, invalid, type CheckedStorageOptions } from "./options.js";
import { CoreStorage } from "./storage.js";
import type {
  BuiltInStorage,
  DirectoryOptions,
  DirectorySessionStorageOptions,
  StorageCapabilities,
} from "./types.js";
import { core } from "./wasm.js";
import type { StorageCore } from "./wasm/sessile.js";

/**
 * Keeps sessions where they outlive the process, for all who share the place: a folder in Node, Deno and Bun, an
 * IndexedDB database of that name in a browser's pages and workers.
 *
 * Several processes, also Rust servers with the crate, may use one folder at the same time: a session is always one
 * whole revision, conditional writes are atomic between them, and an invalidate in one stops the writes of all; the same
 * holds between tabs. A process that is killed at any instruction leaves nothing half done.
 *
 * Each session is a record in a file of its own, named by the SHA-256 of its id, for its owner alone (0600). Every
 * sixteenth write looks at sixteen records for those that have expired; `sweep()` looks at up to 1,024.
 *
 * @example
 * ```js
 * import { DirectoryStorage, generateSessionId } from "sessile";
 *
 * const storage = new DirectoryStorage("./sessions", { idleTimeout: "30m" });
 * const id = generateSessionId();
 * await storage.setJson(id, { user: 17 });
 * ```
 */
export class DirectoryStorage extends CoreStorage {
  readonly capabilities: StorageCapabilities = Object.freeze({
    streams: true,
    conditional: true,
    tags: true,
    durable: true,
    shared: true,
  });

  readonly #root: string;
  readonly #options: CheckedDirectoryOptions;
  #storage: StorageCore | undefined;

  /**
   * @param root the folder, as a path or a `file:` URL, or the name of a database. The first write makes it.
   *
   * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
   */
  constructor(root: string | URL, options: DirectoryOptions = {}) {
    super();
    this.#root = placeOf(checkRoot(root));
    this.#options = checkDirectoryOptions(options);
  }

  protected override coreStorage(): StorageCore {
    return (this.#storage ??= this.#open());
  }

  #open(): StorageCore {
    const { idle, absolute, sessionBytes, strict, io, clock } = this.#options;
    const root = this.#root;
    const node = nodeModules();
    if (node !== undefined) {
      const files = new FolderFiles(node.fs, io);
      return core().folderStorage(files, root, idle, absolute, sessionBytes, strict, clock);
    }
    if (!("indexedDB" in globalThis)) {
      throw new SessionError(
        "ERR_SESSION_UNSUPPORTED",
        "there is neither a file system nor an IndexedDB here to keep sessions in",
      );
    }
    return core().databaseStorage(root, idle, absolute, sessionBytes, strict, clock);
  }
}

declareBuiltIn(DirectoryStorage);

/**
 * Sessions in a folder, or in a browser's database, behind a {@link CacheStorage} of one minute: Ktor's
 * `directorySessionStorage`.
 *
 * Where several processes share the folder, what one of them writes or invalidates is seen in the others' caches within
 * that minute. If a logout must count everywhere at once, pass `cached: false`, or a cache with a shorter
 * `absoluteTimeout`. Lost updates cannot happen in any case: a conditional write is checked in the folder.
 *
 * @example
 * ```js
 * import { directorySessionStorage } from "sessile";
 *
 * const storage = directorySessionStorage("./sessions", { idleTimeout: "30m" });
 * await storage.setJson("an id", { user: 17 });
 * ```
 */
export function directorySessionStorage(
  root: string | URL,
  options: DirectorySessionStorageOptions = {},
): BuiltInStorage {
  const { cached = true, ...own } = options;
  const storage = new DirectoryStorage(root, own);
  if (cached === false) return storage;
  if (cached !== true && (typeof cached !== "object" || cached === null)) {
    throw invalid("cached must be true, false or the options of a CacheStorage");
  }
  return new CacheStorage(storage, { clock: own.clock, ...(cached === true ? undefined : cached) });
}

interface CheckedDirectoryOptions extends CheckedStorageOptions {
  readonly strict: boolean;
  readonly io: FolderIo;
}

function checkRoot(root: unknown): string | URL {
  if (root instanceof URL) {
    if (root.protocol === "file:") return root;
  } else if (typeof root === "string" && root !== "" && !root.includes("\0")) return root;
  throw invalid("root must be the path of a folder, a file: URL, or the name of a database");
}

/** An absolute path, since the process may change its own folder before the first call; or the name of a database. */
function placeOf(root: string | URL): string {
  const node = nodeModules();
  if (node === undefined) {
    if (typeof root === "string") return root;
    throw invalid("where there is no file system, root is the name of a database, not a URL");
  }
  try {
    return node.resolve(root);
  } catch {
    throw invalid("root is a file: URL that names no path of this machine");
  }
}

function checkDirectoryOptions(options: DirectoryOptions): CheckedDirectoryOptions {
  const checked = checkStorageOptions(options);
  const { durability = "relaxed", io = "auto" } = options;
  if (durability !== "relaxed" && durability !== "strict") {
    throw invalid('durability must be "relaxed" or "strict"');
  }
  if (io !== "auto" && io !== "async" && io !== "sync") throw invalid('io must be "auto", "async" or "sync"');
  return { ...checked, strict: durability === "strict", io };
}
