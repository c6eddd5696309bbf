import { capabilitiesOf, checkDelegate } from "../delegate.js";
import { toMillis } from "../duration.js";
import { SessionError } from "../error.js";
import { checkId } from "../id.js";
import { checkObject, checkTag, invalid, timeoutNumber } from "../options.js";
import { isEqual, merge } from "../sessions/merge.js";
import { Records, hasCode, type Found } from "../sessions/records.js";
import { inTurn } from "../sessions/turns.js";
import { notJson, toJson } from "../storage.js";
import type { Duration, SessionStorage, StorageCapabilities, WriteOptions } from "../types.js";

/** What all stores of sessions inside other libraries take. */
export interface StoredSessionOptions {
  /** The session expires this long after it was created, whatever happens. Default: the storage's. */
  absoluteTimeout?: Duration | null | undefined;
  /**
   * A request that changes nothing touches the session if its last activity is so long ago. Default: a tenth of its idle
   * timeout, at most one minute.
   */
  touchAfter?: Duration | undefined;
  /**
   * What becomes of a session that another request has written since this one loaded it. `"merge"` (the default): what
   * this request changed is put on top, key by key. `"error"`: the write fails with `ERR_SESSION_CONFLICT`. `"overwrite"`:
   * the last one wins. The first two need a storage that is `conditional`.
   */
  onConflict?: "merge" | "error" | "overwrite" | undefined;
  /** The tags of a session (C13), by what it holds: for `invalidateTagged`. Must not wait, and changes nothing. */
  tags?: ((session: any) => readonly string[]) | undefined;
  /** Stands before each id, so that several stores can share a storage. Default: none. */
  prefix?: string | undefined;
  /** Told of a stored session that is damaged or no JSON object; the request has none then. */
  onInvalid?: ((cause: unknown) => void) | undefined;
  /** Where time comes from; it must be the storage's own. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** A session's content as JSON has it. */
export type SessionContent = Record<string, unknown>;

/** What the content itself says of how long it lives. */
export interface Lifetime {
  /** In milliseconds; `null` for no bound; zero or less if it is over. */
  idleTimeout(session: SessionContent): number | null | undefined;
  /** Whether activity moves its end. */
  slides(session: SessionContent): boolean;
  /** The content without what changes with each activity. */
  lasting(session: SessionContent): SessionContent;
  /** The stored content with what of the session a touch may write. */
  touched(base: SessionContent, session: SessionContent): SessionContent;
  /** Brings what changes with each activity up to date, since a touch rewrites no content. */
  refresh(session: SessionContent, expiresAt: number | undefined): void;
}

/** What is stored, as far as the holder of an object knows. */
interface Stored {
  readonly text: string;
  readonly revision: string;
  /** Unknown where it was written without having been read. */
  readonly createdAt?: number;
}

/** What is known of an object that a request holds; for others than {@link SessionObjects} nothing but a token. */
export interface Known {
  readonly owner: SessionObjects;
  readonly id: string;
  /** What the object held when it was loaded or saved last. */
  base: string;
  stored: Stored;
  /** When it would have expired, at the time when it was loaded. */
  readonly expiresAt?: number | undefined;
  /** When it was active last, and how long it may be idle; absent where activity does not lengthen its life. */
  activity?: { readonly at: number; readonly idleTimeout: number } | undefined;
  ended: boolean;
}

/** A write that still meets conflicts after so many rounds gives up. */
const ROUNDS = 64;

/** Where an object of a class of our own keeps what it was loaded from; of all others a map knows. */
export const ORIGIN = Symbol("origin");

interface WithOrigin {
  [ORIGIN]: Known | undefined;
}

/**
 * Sessions as objects that a library loads, changes and saves whole. It is remembered what each object was loaded from. So a
 * save is a change on top of what is stored by then, and none at all where the session has ended meanwhile.
 */
export class SessionObjects {
  readonly records: Records;
  readonly clock: () => number;
  readonly #capabilities: StorageCapabilities;
  readonly #options: StoredSessionOptions;
  readonly #prefix: string;
  readonly #touchAfter: number | undefined;
  readonly #onConflict: "merge" | "error" | "overwrite";
  readonly #lifetime: Lifetime;
  readonly #tag: readonly string[];
  readonly #known = new WeakMap<object, Known>();

  /** @param tag what each session carries beside its own tags */
  constructor(storage: SessionStorage, options: StoredSessionOptions, lifetime: Lifetime, tag?: string) {
    this.records = new Records(checkDelegate(storage));
    this.#capabilities = capabilitiesOf(storage);
    checkOptions(options, this.#capabilities, tag);
    const { touchAfter, onConflict = "merge", prefix = "", clock = Date.now } = options;
    this.clock = clock;
    this.#options = { ...options };
    this.#prefix = prefix;
    this.#touchAfter = touchAfter === undefined ? undefined : toMillis(touchAfter, "touchAfter");
    this.#onConflict = onConflict;
    this.#lifetime = lifetime;
    this.#tag = tag === undefined ? [] : [tag];
  }

  /** The session as an object of the caller's own; `undefined` where there is none that can be used. */
  async load(id: string): Promise<SessionContent | undefined> {
    const known = await this.find(id);
    const session = known && this.open(known);
    if (known !== undefined && session !== undefined) this.#known.set(session, known);
    return session;
  }

  /** What is stored, before anybody has asked for its content; at once where the storage can. */
  find(id: string): Known | undefined | Promise<Known | undefined> {
    if (!this.records.isNow) return this.#find(id);
    try {
      const storedId = this.#storedId(id);
      const found = this.records.readNow(storedId);
      return found && this.#knownFrom(storedId, found);
    } catch (error) {
      return this.#unusable(error);
    }
  }

  async #find(id: string): Promise<Known | undefined> {
    try {
      const storedId = this.#storedId(id);
      const found = await this.records.read(storedId);
      return found && this.#knownFrom(storedId, found);
    } catch (error) {
      return this.#unusable(error);
    }
  }

  #knownFrom(id: string, { text, info }: Found): Known {
    const { idleTimeout, absoluteTimeout, expiresAt, revision, createdAt } = info;
    const isAtItsLast = absoluteTimeout !== undefined && expiresAt === createdAt + absoluteTimeout;
    const slides = idleTimeout !== undefined && expiresAt !== undefined && !isAtItsLast;
    const activity = slides ? { at: expiresAt - idleTimeout, idleTimeout } : undefined;
    const stored = { text, revision, createdAt };
    return { owner: this, id, base: text, stored, expiresAt, activity, ended: false };
  }

  /** The content of what was found as an object of the caller's own; `undefined` where it cannot be used. */
  open(known: Known): SessionContent | undefined {
    try {
      const session = parse(known.base);
      this.#lifetime.refresh(session, known.expiresAt);
      return session;
    } catch (error) {
      return this.#unusable(error);
    }
  }

  #unusable(error: unknown): undefined {
    // An id that no storage takes is one that none has given.
    if (hasCode(error, "ERR_SESSION_INVALID_ID")) return undefined;
    if (!hasCode(error, "ERR_SESSION_CORRUPT")) throw error;
    this.#options.onInvalid?.(error);
    return undefined;
  }

  /** What is known of one object holds for another that was made of it. */
  carry(from: object, to: object): void {
    const known = this.#knownOf(from);
    if (known !== undefined) this.know(to, known);
  }

  #knownOf(session: object): Known | undefined {
    if (!(ORIGIN in session)) return this.#known.get(session);
    const known = (session as WithOrigin)[ORIGIN];
    return known?.owner === this ? known : undefined;
  }

  /** Tells what an object was made of. */
  know(session: object, known: Known): void {
    if (ORIGIN in session) (session as WithOrigin)[ORIGIN] = known;
    else this.#known.set(session, known);
  }

  /** Stores what the object holds at this moment. One that was not loaded from here replaces what is there. */
  async save(id: string, session: object): Promise<void> {
    const text = toJson(session);
    await this.#inTurn(id, session, (known) =>
      known === undefined ? this.#replace(this.#storedId(id), session, text) : this.#change(known, text),
    );
  }

  /**
   * Stores a content that differs from what was found; `undefined` if that is done already. What {@link save} does of the same
   * object must have ended.
   *
   * @param session what `text` is the JSON of
   */
  commit(known: Known, text: string, session: object): Promise<void> | undefined {
    if (known.ended) return undefined;
    const content = session as SessionContent;
    const idleTimeout = this.#lifetime.idleTimeout(content);
    const isOver = typeof idleTimeout === "number" && idleTimeout <= 0;
    if (isOver || !this.records.isNow || known.stored.text !== known.base) {
      return this.#put(known, text, content);
    }
    try {
      const options = { ifRevision: known.stored.revision, idleTimeout, tags: this.#tagsOf(content) };
      const revision = this.records.writeNow(known.id, text, options);
      known.stored = { ...known.stored, text, revision };
      known.base = text;
      this.#isActive(known, idleTimeout);
      return undefined;
    } catch (error) {
      return hasCode(error, "ERR_SESSION_CONFLICT") ? this.#put(known, text, content) : Promise.reject(error);
    }
  }

  /** Counts what was found as active; `undefined` where there is nothing to tell the storage. */
  active(known: Known): Promise<void> | undefined {
    return !known.ended && this.#isDue(known) ? this.#touch(known) : undefined;
  }

  /**
   * Changes what is stored by now, however many do so at once: `change` runs again where another was faster, and must not wait.
   * The object has the outcome, beside what it was changed to since it was loaded. Resolves with what `change` answered last;
   * rejects with `ERR_SESSION_NOT_FOUND` for a session that has ended.
   */
  async update<R>(session: object, change: (content: SessionContent) => R): Promise<R> {
    const known = this.#knownOf(session);
    if (!this.#capabilities.conditional) {
      throw new SessionError("ERR_SESSION_UNSUPPORTED", "this storage has no conditional writes");
    }
    if (known === undefined) {
      throw new SessionError("ERR_SESSION_NOT_FOUND", "the session is not stored yet: save() it first");
    }
    let answer!: R;
    const attempt = async (): Promise<boolean> => {
      const fresh = known.ended ? undefined : await this.#fresh(known);
      if (fresh === undefined) throw new SessionError("ERR_SESSION_NOT_FOUND", "the session has ended");
      const content = parse(fresh.text);
      answer = change(content);
      if (typeof (answer as PromiseLike<unknown> | undefined)?.then === "function") {
        throw invalid("what update() is given must not be async, since it may run several times");
      }
      const text = toJson(content);
      const base = parse(known.base);
      const isWritten = await this.#attempt(known, fresh, text, content, false);
      if (isWritten) assign(session, merge(base, parse(toJson(session)), parse(text)) as SessionContent);
      return isWritten;
    };
    if (await attempt()) return answer;
    await inTurn(this.records.storage, known.id, async () => {
      for (let round = 1; round < ROUNDS; round += 1) if (await attempt()) return;
      throw tooManyRounds();
    });
    return answer;
  }

  /** Counts as activity. Nothing is written but a new lifetime. */
  async touch(id: string, session: object): Promise<void> {
    const now = parse(toJson(session));
    await this.#inTurn(id, session, async (known) => {
      if (known === undefined) await this.records.touch(this.#storedId(id));
      else await this.#change(known, JSON.stringify(this.#lifetime.touched(parse(known.base), now)));
    });
  }

  async end(id: string): Promise<boolean> {
    try {
      return await this.records.invalidate(this.#storedId(id));
    } catch (error) {
      if (hasCode(error, "ERR_SESSION_INVALID_ID")) return false;
      throw error;
    }
  }

  #storedId(id: string): string {
    checkId(id);
    return this.#prefix + id;
  }

  /** One after another for each object, since each save is told by the one before what is stored. */
  #inTurn(id: string, session: object, work: (known: Known | undefined) => Promise<void>): Promise<void> {
    return inTurn(session, id, () => {
      const known = this.#knownOf(session);
      return work(known?.id === this.#prefix + id ? known : undefined);
    });
  }

  async #replace(id: string, session: object, text: string): Promise<void> {
    const { absoluteTimeout } = this.#options;
    const revision = await this.#write(id, parse(text), text, { absoluteTimeout });
    const stored = { text, revision: revision ?? "" };
    const known: Known = { owner: this, id, base: text, stored, ended: revision === undefined };
    this.#isActive(known, this.#lifetime.idleTimeout(parse(text)));
    this.know(session, known);
  }

  async #change(known: Known, text: string): Promise<void> {
    if (known.ended) return;
    const mine = parse(text);
    if (isEqual(this.#lifetime.lasting(parse(known.base)), this.#lifetime.lasting(mine))) {
      if (this.#lifetime.slides(mine) && this.#isDue(known)) await this.#touch(known);
    } else {
      await this.#put(known, text, mine);
    }
  }

  async #put(known: Known, text: string, mine: SessionContent): Promise<void> {
    const attempt = async (stored: Stored): Promise<boolean> => {
      const isOnTop = this.#onConflict !== "overwrite" && stored.text !== known.base;
      if (!isOnTop) return this.#attempt(known, stored, text, mine);
      const value = merge(parse(known.base), parse(text), parse(stored.text)) as SessionContent;
      const isWritten = await this.#attempt(known, stored, JSON.stringify(value), value);
      if (isWritten) known.base = text;
      return isWritten;
    };
    // Without conditional writes, looking just before is the best there is.
    const current = this.#capabilities.conditional ? known.stored : await this.#fresh(known);
    if (current === undefined || (await attempt(current))) return;
    await inTurn(this.records.storage, known.id, async () => {
      for (let round = 1; round < ROUNDS; round += 1) {
        const fresh = await this.#fresh(known);
        if (fresh === undefined || (await attempt(fresh))) return;
      }
      throw tooManyRounds();
    });
  }

  /** Writes upon what is stored; whether nobody else was faster. */
  async #attempt(
    known: Known,
    stored: Stored,
    text: string,
    value: SessionContent,
    conflictsFail = this.#onConflict === "error",
  ): Promise<boolean> {
    const condition = this.#capabilities.conditional ? { ifRevision: stored.revision } : {};
    try {
      const revision = await this.#write(known.id, value, text, condition);
      if (revision === undefined) known.ended = true;
      else known.stored = { ...stored, text, revision };
      known.base = text;
      this.#isActive(known, this.#lifetime.idleTimeout(value));
      return true;
    } catch (error) {
      if (!hasCode(error, "ERR_SESSION_CONFLICT") || conflictsFail) throw error;
      return false;
    }
  }

  /** What is stored by now; none where the session was ended, also if its id was given to another one since. */
  async #fresh(known: Known): Promise<Stored | undefined> {
    const found = await this.records.read(known.id);
    const { createdAt } = known.stored;
    if (found === undefined || (createdAt !== undefined && createdAt !== found.info.createdAt)) {
      known.ended = true;
      return undefined;
    }
    return { text: found.text, revision: found.info.revision, createdAt: found.info.createdAt };
  }

  #isDue({ activity }: Known): boolean {
    if (activity === undefined) return false;
    const throttle = this.#touchAfter ?? Math.min(activity.idleTimeout / 10, 60_000);
    return this.clock() - activity.at >= throttle;
  }

  async #touch(known: Known): Promise<void> {
    if (this.records.touches) {
      known.ended = !(await this.records.touch(known.id));
    } else if (this.#capabilities.conditional) {
      const { text, revision: ifRevision } = known.stored;
      try {
        known.stored = {
          ...known.stored,
          revision: await this.records.write(known.id, text, { ifRevision }),
        };
      } catch (error) {
        // Somebody else has written, which is activity, or has ended it.
        if (!hasCode(error, "ERR_SESSION_CONFLICT")) throw error;
      }
    }
    this.#isActive(known);
  }

  #isActive(known: Known, idleTimeout: number | null | undefined = known.activity?.idleTimeout): void {
    if (typeof idleTimeout === "number") known.activity = { at: this.clock(), idleTimeout };
    else delete known.activity;
  }

  /** Writes with the lifetime and the tags that the content asks for; ends the session if its time is over. */
  async #write(
    id: string,
    value: SessionContent,
    text: string,
    options: WriteOptions,
  ): Promise<string | undefined> {
    const tags = this.#tagsOf(value);
    const idleTimeout = this.#lifetime.idleTimeout(value);
    if (typeof idleTimeout === "number" && idleTimeout <= 0) {
      await this.records.invalidate(id);
      return undefined;
    }
    const all = { ...options, idleTimeout, tags };
    return all.ifRevision === undefined ? this.records.put(id, text, all) : this.records.write(id, text, all);
  }

  #tagsOf(value: SessionContent): string[] | undefined {
    const own = this.#options.tags?.(value);
    if (own !== undefined && !Array.isArray(own)) throw invalid("tags must give an array of strings");
    const isTagged = own !== undefined || this.#tag.length > 0;
    return isTagged ? [...this.#tag, ...(own ?? []).map(checkTag)] : undefined;
  }
}

function parse(text: string): SessionContent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notJson(cause);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as SessionContent;
  throw new SessionError("ERR_SESSION_CORRUPT", "the session's content is JSON, but no object");
}

function tooManyRounds(): SessionError {
  return new SessionError("ERR_SESSION_CONFLICT", `others wrote to the session in each of ${ROUNDS} rounds`);
}

/** Gives an object the content of another. The cookie, which has methods of its own, stays. */
function assign(session: object, content: SessionContent): void {
  for (const key of Object.keys(session)) {
    if (!Object.hasOwn(content, key)) Reflect.deleteProperty(session, key);
  }
  for (const [key, value] of Object.entries(content)) {
    if (key === "cookie" || key in (Object.getPrototypeOf(session) as object)) continue;
    Object.defineProperty(session, key, { value, writable: true, enumerable: true, configurable: true });
  }
}

function checkOptions(options: StoredSessionOptions, capabilities: StorageCapabilities, tag: unknown): void {
  checkObject(options);
  const { onConflict = "merge", prefix = "", tags } = options;
  if (!["merge", "error", "overwrite"].includes(onConflict)) {
    throw invalid('onConflict must be "merge", "error" or "overwrite"');
  }
  if (onConflict !== "overwrite" && !capabilities.conditional) {
    throw invalid('this storage has no conditional writes: only onConflict: "overwrite" can be promised');
  }
  if (typeof prefix !== "string") throw invalid("prefix must be a string");
  for (const option of ["tags", "onInvalid", "clock"] as const) {
    const given: unknown = options[option];
    if (given !== undefined && typeof given !== "function") throw invalid(`${option} must be a function`);
  }
  if (tag !== undefined) checkTag(tag);
  if ((tags ?? tag) !== undefined && !capabilities.tags) throw invalid("this storage has no tags");
  timeoutNumber(options.absoluteTimeout, "absoluteTimeout");
}
