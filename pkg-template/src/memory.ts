import { declareBuiltIn } from "./delegate.js";
import {
  checkLimit,
  checkRevision,
  checkSignal,
  checkStorageOptions,
  invalid,
  placeTags,
  timeoutNumber,
  type CheckedStorageOptions,
} from "./options.js";
import { CoreStorage, notJson, toJson, wholeBytes } from "./storage.js";
import type { MemoryOptions, SessionData, SessionInfo, StorageCapabilities, WriteOptions } from "./types.js";
import { core } from "./wasm.js";
import type { MemoryCore, StorageCore } from "./wasm/sessile.js";
import {
  answer,
  cell,
  copyAt,
  decode,
  decodeAt,
  placeBytes,
  placeId,
  placeLarge,
  placeText,
} from "./window.js";

/** "000" to "999": how a revision's number ends. */
const LAST_DIGITS = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, "0"));

/** What `find` answers for a content that lies in several pieces. */
const IN_PIECES = 1;

/** The prototypes of those that {@link SessionStorageMemory.isPlain} knows. */
const plain = new Set<object>();

/**
 * Keeps sessions in memory: in wasm memory, which the garbage collector never looks at. Fast, bounded if
 * you say so, and gone with the process.
 *
 * Expired sessions are never returned; each write looks at two others and frees those that have expired, so
 * there is no timer, and nothing that keeps a process alive.
 *
 * @example
 * ```js
 * import { SessionStorageMemory, generateSessionId } from "sessile";
 *
 * const storage = new SessionStorageMemory({ idleTimeout: "30m", maxSessions: 100_000 });
 * const id = generateSessionId();
 * await storage.setJson(id, { user: 17 });
 * console.log(await storage.getJson(id)); // { user: 17 }
 * await storage.invalidate(id);
 * ```
 */
export class SessionStorageMemory extends CoreStorage {
  readonly capabilities: StorageCapabilities = Object.freeze({
    streams: true,
    conditional: true,
    tags: true,
    durable: false,
    shared: false,
  });

  readonly #options: CheckedMemoryOptions;
  readonly #now: () => number;
  #core: MemoryCore | undefined;
  #storage: StorageCore | undefined;
  #revisions = "";
  #thousands = NaN;
  #leading = "";

  /** Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense. */
  constructor(options: MemoryOptions = {}) {
    super();
    this.#options = checkMemoryOptions(options);
    this.#now = this.#options.clock;
  }

  /** Whether {@link readNow} and {@link writeNow} do what `get` and `set` of this very object do. */
  static isPlain(storage: object): storage is SessionStorageMemory {
    const isOurs = #options in storage && plain.has(Object.getPrototypeOf(storage) as object);
    return isOurs && !Object.hasOwn(storage, "get") && !Object.hasOwn(storage, "set");
  }

  /** Declares that instances of this subclass read, and write what is there already, as those of this class do. */
  static isPlainToo(subclass: { readonly prototype: SessionStorageMemory }): void {
    plain.add(subclass.prototype);
  }

  /** As `get`, at once and as text; for those who would wait for nothing. */
  static readNow(storage: SessionStorageMemory, id: string): { text: string; info: SessionInfo } | undefined {
    const core = storage.#memory();
    const now = storage.#time();
    const idBytes = placeId(id);
    const address = answer(core.find(idBytes, now));
    if (address === 0) return undefined;
    try {
      const text = textAt(core, address, idBytes, now);
      return { text, info: storage.#info(core, idBytes, now) };
    } catch (cause) {
      throw notJson(cause);
    }
  }

  /** As `set`, at once. */
  static writeNow(storage: SessionStorageMemory, id: string, text: string, options: WriteOptions): string {
    return storage.#put(id, text, options);
  }

  override async get(id: string): Promise<{ data: Uint8Array; info: SessionInfo } | undefined> {
    const core = this.#memory();
    const now = this.#time();
    const idBytes = placeId(id);
    const address = answer(core.find(idBytes, now));
    if (address === 0) return undefined;
    const data = address === IN_PIECES ? core.readPieces(idBytes, now) : copyAt(address, cell(0));
    return data && { data, info: this.#info(core, idBytes, now) };
  }

  override async set(id: string, data: SessionData, options?: WriteOptions): Promise<string> {
    const whole = typeof data === "string" ? data : wholeBytes(data);
    return whole === undefined ? this.copy(id, data, options) : this.#put(id, whole, options);
  }

  override async getJson<T = unknown>(id: string): Promise<T | undefined> {
    const core = this.#memory();
    const now = this.#time();
    const idBytes = placeId(id);
    const address = answer(core.find(idBytes, now));
    if (address === 0) return undefined;
    try {
      return JSON.parse(textAt(core, address, idBytes, now)) as T;
    } catch (cause) {
      throw notJson(cause);
    }
  }

  override async setJson(id: string, value: unknown, options?: WriteOptions): Promise<string> {
    // First, since a value's toJSON is the caller's code and may use this storage.
    const json = toJson(value);
    return this.#put(id, json, options);
  }

  override async info(id: string): Promise<SessionInfo | undefined> {
    const core = this.#memory();
    const now = this.#time();
    const idBytes = placeId(id);
    return answer(core.peek(idBytes, now)) === 0 ? undefined : this.#info(core, idBytes, now);
  }

  override async touch(id: string): Promise<boolean> {
    const core = this.#memory();
    const now = this.#time();
    return answer(core.touch(placeId(id), now)) === 1;
  }

  override async invalidate(id: string): Promise<boolean> {
    const core = this.#memory();
    const now = this.#time();
    return answer(core.invalidate(placeId(id), now)) === 1;
  }

  protected override coreStorage(): StorageCore {
    this.#storage ??= this.#memory().storage();
    return this.#storage;
  }

  /** A number, and no object that would run its own code when it is turned into one, with the window filled. */
  #time(): number {
    return Number(this.#now());
  }

  #memory(): MemoryCore {
    return (this.#core ??= this.#open());
  }

  #open(): MemoryCore {
    const { MemoryCore } = core();
    const { idle, absolute, sessionBytes, bytes, sessions, reject, clock } = this.#options;
    return new MemoryCore(idle, absolute, sessionBytes, bytes, sessions, reject, clock);
  }

  /**
   * Everything that runs the caller's code comes first; from the first line that fills the window to the
   * call that empties it nothing else may run.
   */
  #put(id: string, content: string | Uint8Array, options: WriteOptions | undefined): string {
    const core = this.#memory();
    let idle = NaN;
    let absolute = NaN;
    let condition = NaN;
    let tagged = false;
    if (options !== undefined) {
      idle = timeoutNumber(options.idleTimeout, "idleTimeout");
      absolute = timeoutNumber(options.absoluteTimeout, "absoluteTimeout");
      if (options.ifRevision !== undefined) condition = this.#condition(core, options.ifRevision);
      checkSignal(options)?.throwIfAborted();
    }
    const now = this.#time();
    if (options !== undefined) tagged = placeTags(options.tags);
    const idBytes = placeId(id);
    const placed = typeof content === "string" ? placeText(content) : placeBytes(content);
    if (placed < 0) placeLarge(content);
    const revision =
      placed < 0 || tagged
        ? core.putLarge(idBytes, placed, placed < 0, now, idle, absolute, condition, tagged)
        : core.put(idBytes, placed, now, idle, absolute, condition);
    return this.#revision(core, answer(revision));
  }

  /** A revision's number, which is what the core compares; one that no session has, for a foreign one. */
  #condition(core: MemoryCore, revision: string | null): number {
    if (revision === null) return 0;
    const prefix = this.#prefix(core);
    const number = checkRevision(revision).startsWith(prefix) ? Number(revision.slice(prefix.length)) : NaN;
    return Number.isSafeInteger(number) && number > 0 ? number : Number.MAX_SAFE_INTEGER;
  }

  /** A new string from two old ones costs a tenth of what it takes to write a new number in digits. */
  #revision(core: MemoryCore, number: number): string {
    let last = number - this.#thousands;
    if (!(last >= 0 && last < 1000)) {
      last = number % 1000;
      this.#thousands = number - last;
      this.#leading = this.#prefix(core) + String(this.#thousands / 1000);
    }
    return this.#leading + (LAST_DIGITS[last] ?? "");
  }

  #prefix(core: MemoryCore): string {
    if (this.#revisions === "") this.#revisions = core.revisionPrefix();
    return this.#revisions;
  }

  /** The info that the last call left in the cells. */
  #info(core: MemoryCore, idBytes: number, now: number): SessionInfo {
    const [byteLength, revision, createdAt] = [cell(0), cell(1), cell(2)];
    const info: { -readonly [name in keyof SessionInfo]: SessionInfo[name] } = {
      revision: "",
      byteLength,
      createdAt,
      tags: [],
    };
    const [expiresAt, tags, idleTimeout, absoluteTimeout] = [cell(3), cell(4), cell(5), cell(6)];
    if (!Number.isNaN(expiresAt)) info.expiresAt = expiresAt;
    if (!Number.isNaN(idleTimeout)) info.idleTimeout = idleTimeout;
    if (!Number.isNaN(absoluteTimeout)) info.absoluteTimeout = absoluteTimeout;
    info.revision = this.#revision(core, revision);
    if (tags > 0) info.tags = Array.from({ length: tags }, (_, index) => core.tag(idBytes, now, index) ?? "");
    return info;
  }
}

declareBuiltIn(SessionStorageMemory);
plain.add(SessionStorageMemory.prototype);

function textAt(core: MemoryCore, address: number, idBytes: number, now: number): string {
  if (address !== IN_PIECES) return decodeAt(address, cell(0));
  return decode(core.readPieces(idBytes, now) ?? new Uint8Array(0));
}

interface CheckedMemoryOptions extends CheckedStorageOptions {
  readonly bytes: number;
  readonly sessions: number;
  readonly reject: boolean;
}

function checkMemoryOptions(options: MemoryOptions): CheckedMemoryOptions {
  const checked = checkStorageOptions(options);
  const { maxBytes, maxSessions, whenFull = "evict" } = options;
  if (whenFull !== "evict" && whenFull !== "reject") throw invalid('whenFull must be "evict" or "reject"');
  return {
    ...checked,
    bytes: checkLimit(maxBytes, "maxBytes"),
    sessions: checkLimit(maxSessions, "maxSessions"),
    reject: whenFull === "reject",
  };
}
