import { SessionError } from "../error.js";
import { checkId } from "../id.js";
import { toMillis } from "../duration.js";
import { checkTag, invalid } from "../options.js";
import type { Duration, SessionInfo, WriteOptions } from "../types.js";
import type { Definition, RequestHeaders, SentHeader } from "./definition.js";
import { Draft, type Update } from "./draft.js";
import { encode } from "./json.js";
import { hasCode } from "./records.js";
import type { Committed, Session } from "./session.js";
import { inTurn } from "./turns.js";

/** What is known of the session that is stored. */
interface Kept {
  readonly id: string;
  readonly text: string;
  readonly info: SessionInfo;
  /** Whether it was made by this request, so that the storage's part of the info is not known. */
  readonly isOwn?: boolean;
}

/** A commit that still meets conflicts after so many rounds gives up. */
const ROUNDS = 64;
/** New ids that are taken already: of a generator that has only a few. */
const ID_ROUNDS = 8;

export class RequestSession<T> implements Session<T> {
  readonly #definition: Definition<T>;
  readonly #request: RequestHeaders;
  #loading: Promise<void> | undefined;
  #committing: Promise<unknown> = Promise.resolve();
  #kept: Kept | undefined;
  #draft: Draft<T>;
  #ended = false;
  #sealed = false;
  #newTags: string[] = [];
  #idleTimeout: number | undefined;
  #moves = false;
  #touches = false;
  #sends: "ticket" | "nothing" | undefined;

  constructor(definition: Definition<T>, request: RequestHeaders) {
    this.#definition = definition;
    this.#request = request;
    this.#draft = this.#emptyDraft();
  }

  get id(): string | undefined {
    return this.#kept?.id;
  }

  get isNew(): boolean {
    return this.#kept === undefined;
  }

  /** Whether anybody has asked for it: if not, there is nothing to commit. */
  get isUsed(): boolean {
    return this.#loading !== undefined;
  }

  async get(): Promise<T | undefined> {
    await this.#load();
    return this.#draft.value;
  }

  async set(value: T): Promise<void> {
    encode(value, this.#custom);
    await this.#load();
    this.#checkNotEnded();
    this.#draft.value = value;
  }

  async update(update: Update<T>): Promise<T> {
    if (typeof update !== "function") throw invalid("update must be given a function");
    await this.#load();
    this.#checkNotEnded();
    return this.#draft.update(update);
  }

  async getOrSet(make: () => T | PromiseLike<T>): Promise<T> {
    if (typeof make !== "function") throw invalid("getOrSet must be given a function");
    await this.#load();
    if (this.#draft.value !== undefined) return this.#draft.value;
    const value = await make();
    // Somebody else in this request may have been faster.
    if (this.#draft.value === undefined) await this.set(value);
    return this.#draft.value ?? value;
  }

  async clear(): Promise<void> {
    const ticket = this.#ticket();
    const ignore = (): void => {};
    await this.#loading?.catch(ignore);
    // What is being stored has an id by then.
    await this.#committing.catch(ignore);
    const id = this.#kept?.id ?? (ticket === undefined ? undefined : this.#definition.idIn(ticket)?.id);
    if (id !== undefined && (await this.#invalidate(id))) this.#definition.tell("invalidated");
    this.#loading = Promise.resolve();
    this.#forget();
    this.#ended = false;
  }

  async regenerate(): Promise<void> {
    await this.#load();
    this.#checkNotSealed();
    this.#moves = this.#kept !== undefined;
  }

  async tag(...tags: string[]): Promise<void> {
    const checked = tags.map(checkTag);
    if (!this.#definition.capabilities.tags) throw unsupported("this storage has no tags");
    await this.#load();
    this.#checkNotEnded();
    this.#newTags.push(...checked);
  }

  async touch(): Promise<void> {
    await this.#load();
    this.#touches = true;
  }

  /** The idle timeout from the next commit on, in milliseconds, in place of the definition's and the storage's. */
  expireAfter(idleTimeout: number): void {
    this.#idleTimeout = idleTimeout;
  }

  commit(): Promise<Committed> {
    const commit = (): Promise<Committed> => this.#commit();
    const committed = this.#committing.then(commit, commit);
    this.#committing = committed;
    return committed;
  }

  /** From now on nothing can be told to the client. */
  seal(): void {
    this.#sealed = true;
  }

  /** The header that the response needs, after the commit. */
  sent(): SentHeader | undefined {
    const { carrier } = this.#definition;
    const kept = this.#kept;
    if (this.#sends === undefined) return undefined;
    if (this.#sends === "nothing" || kept === undefined) return carrier.take(this.#request);
    return carrier.give(this.#definition.ticketOf(kept.id), this.#lifetime(kept.info), this.#request);
  }

  get #custom(): boolean {
    return this.#definition.schema !== undefined;
  }

  #emptyDraft(): Draft<T> {
    return new Draft<T>(undefined, undefined, this.#custom);
  }

  #ticket(): string | undefined {
    return this.#definition.carrier.read(this.#request);
  }

  #load(): Promise<void> {
    this.#loading ??= this.#loadOnce().catch((error: unknown) => {
      // Who asks again asks the storage again; nobody gets an empty session for one that could not be read.
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #loadOnce(): Promise<void> {
    const ticket = this.#ticket();
    if (ticket === undefined) return;
    const verified = this.#definition.idIn(ticket);
    const found = verified && (await this.#read(verified.id));
    if (!verified || !found) {
      this.#definition.tell("unknown");
      this.#sends = "nothing";
      return;
    }
    this.#kept = { id: verified.id, text: found.text, info: found.info };
    this.#draft = new Draft(found.text, found.value, this.#custom);
    if (!verified.byNewest) this.#send("renewed");
  }

  /** What is stored and can be used; of what cannot, `onInvalid` is told. */
  async #read(id: string): Promise<{ text: string; value: T; info: SessionInfo } | undefined> {
    const report = async (reason: "damaged" | "schema", cause: unknown): Promise<undefined> => {
      await this.#definition.options.onInvalid?.({ name: this.#definition.name, reason, cause });
      return undefined;
    };
    let found;
    let data: unknown;
    try {
      found = await this.#definition.records.read(id);
      if (found === undefined) return undefined;
      data = JSON.parse(found.text);
    } catch (error) {
      if (!(error instanceof SyntaxError) && !hasCode(error, "ERR_SESSION_CORRUPT")) throw error;
      return report("damaged", error);
    }
    const { schema } = this.#definition;
    if (schema === undefined) return { text: found.text, value: data as T, info: found.info };
    const result = await schema["~standard"].validate(data);
    if (result.issues !== undefined) return report("schema", result.issues);
    return { text: encode(result.value, true), value: result.value, info: found.info };
  }

  async #commit(): Promise<Committed> {
    if (this.#loading === undefined) return "unchanged";
    await this.#loading;
    if (this.#ended) return "ended";
    const reached = this.#draft.reach();
    const kept = this.#kept;
    if (reached === undefined) return "unchanged";
    if (kept === undefined) return this.#create(reached);
    if (this.#moves) return this.#move(kept);
    const retimed = this.#timed(kept.info).idleTimeout !== kept.info.idleTimeout;
    const newInfo = retimed || this.#newTags.some((tag) => !kept.info.tags.includes(tag));
    const text = newInfo || this.#draft.changes === 0 ? undefined : this.#draft.onTopOf(kept.text);
    if (newInfo || (this.#draft.changes > 0 && text !== kept.text)) return this.#save(kept);
    return this.#touchIfDue(kept);
  }

  async #create(reached: string): Promise<Committed> {
    this.#checkNotSealed();
    const definition = this.#definition;
    const { absoluteTimeout } = definition.options;
    const idleTimeout = this.#idleTimeout ?? definition.options.idleTimeout;
    const tags = [...new Set([...definition.tags, ...this.#newTags])];
    const options = { idleTimeout, absoluteTimeout, ...(tags.length > 0 ? { tags } : undefined) };
    const draft = this.#draft;
    const changes = draft.changes;
    const value = await this.#validated(reached);
    const { id, revision } = await this.#writeNew(reached, options);
    // The storage's own timeouts are not known before it is read.
    this.#kept = { id, text: reached, info: { revision, createdAt: definition.clock(), tags }, isOwn: true };
    draft.settle(reached, changes, reached, value);
    this.#newTags = [];
    this.#send("created");
    return "written";
  }

  async #writeNew(text: string, options: WriteOptions): Promise<{ id: string; revision: string }> {
    for (let round = 1; ; round += 1) {
      const id = await this.#definition.generateId();
      checkId(id);
      try {
        return { id, revision: await this.#write(id, text, { ...options, ifRevision: null }) };
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT") || round === ID_ROUNDS) throw error;
      }
    }
  }

  /** Stores the changes on top of what is stored, whoever wrote it. */
  async #save(kept: Kept): Promise<Committed> {
    const draft = this.#draft;
    const attempt = async (stored: Kept): Promise<boolean> => {
      const overwrites = this.#definition.onConflict === "overwrite";
      const reached = draft.reach();
      const changes = draft.changes;
      const newTags = this.#newTags.length;
      const text = overwrites ? reached : draft.onTopOf(stored.text);
      if (text === undefined) return true;
      const value = await this.#validated(text);
      const tags = [...new Set([...stored.info.tags, ...this.#newTags.slice(0, newTags)])];
      const tagged = tags.length > stored.info.tags.length ? { tags } : undefined;
      try {
        const timed = { ...tagged, idleTimeout: this.#idleTimeout };
        const revision = await this.#write(stored.id, text, { ...timed, ifRevision: stored.info.revision });
        const info = this.#timed(stored.info);
        this.#kept = { ...stored, text, info: { ...info, ...this.#expiry(info), revision, tags } };
        draft.settle(text, changes, reached, value);
        this.#newTags.splice(0, newTags);
        if (this.#definition.rolling) this.#send();
        return true;
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT")) throw error;
        this.#definition.tell("conflict");
        if (this.#definition.onConflict === "error") throw error;
        return false;
      }
    };
    // Without conditional writes, looking just before is the best there is.
    const current = this.#definition.capabilities.conditional ? kept : await this.#fresh(kept);
    if (current === undefined) return this.#end();
    if (await attempt(current)) return "written";
    return inTurn(this.#definition.records.storage, kept.id, async () => {
      for (let round = 1; round < ROUNDS; round += 1) {
        const fresh = await this.#fresh(kept);
        if (fresh === undefined) return this.#end();
        if (await attempt(fresh)) return "written";
      }
      throw new SessionError(
        "ERR_SESSION_CONFLICT",
        `others wrote to the session in each of ${ROUNDS} rounds`,
      );
    });
  }

  /**
   * The new session is stored before the old one is dead, and the old one is emptied under the condition that nobody has
   * changed or ended it, before it is invalidated: what a parallel request wrote is not lost, and a logout not undone.
   */
  async #move(kept: Kept): Promise<Committed> {
    this.#checkNotSealed();
    const { records, capabilities, onConflict } = this.#definition;
    const draft = this.#draft;
    let current = capabilities.conditional && !kept.isOwn ? kept : await this.#fresh(kept);
    let next: { id: string; revision: string } | undefined;
    for (let round = 0; current !== undefined; round += 1) {
      if (round === ROUNDS)
        throw new SessionError("ERR_SESSION_CONFLICT", "others keep writing to the session");
      const info = this.#timed(current.info);
      const reached = draft.reach();
      const changes = draft.changes;
      const text = (onConflict === "overwrite" ? reached : draft.onTopOf(current.text)) ?? current.text;
      const value = await this.#validated(text);
      const tags = [...new Set([...info.tags, ...this.#newTags])];
      const tagged = tags.length > 0 ? { tags } : undefined;
      if (next === undefined) next = await this.#writeNew(text, { ...this.#remaining(info), ...tagged });
      else next.revision = await this.#write(next.id, text, { ...tagged, ifRevision: next.revision });
      try {
        if (capabilities.conditional) await records.write(kept.id, "", { ifRevision: info.revision });
        await records.invalidate(kept.id);
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT") || onConflict === "error") {
          await records.invalidate(next.id);
          throw error;
        }
        this.#definition.tell("conflict");
        current = await this.#fresh(kept);
        continue;
      }
      this.#kept = {
        id: next.id,
        text,
        info: { ...info, ...this.#expiry(info), revision: next.revision, tags },
      };
      draft.settle(text, changes, reached, value);
      this.#newTags = [];
      this.#moves = false;
      this.#send("regenerated");
      return "written";
    }
    if (next !== undefined) await records.invalidate(next.id);
    return this.#end();
  }

  async #touchIfDue(kept: Kept): Promise<Committed> {
    const { records, touchAfter, clock, capabilities, rolling } = this.#definition;
    const { idleTimeout, expiresAt, absoluteTimeout, createdAt, revision } = kept.info;
    if (idleTimeout === undefined || expiresAt === undefined) return "unchanged";
    const throttle = touchAfter ?? Math.min(idleTimeout / 10, 60_000);
    const atItsLast = absoluteTimeout !== undefined && expiresAt >= createdAt + absoluteTimeout;
    const due = !atItsLast && clock() - (expiresAt - idleTimeout) >= throttle;
    if (!due && !this.#touches) return "unchanged";
    this.#touches = false;
    if (records.touches) {
      if (!(await records.touch(kept.id))) return this.#end();
      this.#kept = { ...kept, info: { ...kept.info, ...this.#expiry(kept.info) } };
    } else {
      if (!capabilities.conditional) return "unchanged";
      try {
        const next = await this.#write(kept.id, kept.text, { ifRevision: revision });
        this.#kept = { ...kept, info: { ...kept.info, ...this.#expiry(kept.info), revision: next } };
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT")) throw error;
        // Somebody else has written, which is activity, or ended it.
        if ((await this.#fresh(kept)) === undefined) return this.#end();
        return "unchanged";
      }
    }
    if (rolling) this.#send();
    return "touched";
  }

  /** The session as others have left it; none where it was ended, also if its id was given to another one since. */
  async #fresh(kept: Kept): Promise<Kept | undefined> {
    const found = await this.#read(kept.id);
    if (found === undefined) return undefined;
    if (!kept.isOwn && found.info.createdAt !== kept.info.createdAt) return undefined;
    return { id: kept.id, text: found.text, info: found.info };
  }

  #write(id: string, text: string, options: WriteOptions): Promise<string> {
    const { records, capabilities } = this.#definition;
    const { ifRevision, ...unconditional } = options;
    return records.write(
      id,
      text,
      capabilities.conditional ? { ...unconditional, ifRevision } : unconditional,
    );
  }

  async #invalidate(id: string): Promise<boolean> {
    try {
      return await this.#definition.records.invalidate(id);
    } catch (error) {
      if (hasCode(error, "ERR_SESSION_INVALID_ID")) return false;
      throw error;
    }
  }

  /** The value as the next request will load it; an error for what it could not. */
  async #validated(text: string): Promise<T> {
    const value: unknown = JSON.parse(text);
    const { schema } = this.#definition;
    if (schema === undefined) return value as T;
    const result = await schema["~standard"].validate(value);
    if (result.issues === undefined) return result.value;
    throw new SessionError("ERR_SESSION_INVALID_OPTION", "the schema refuses the session's value", {
      cause: result.issues,
    });
  }

  #send(event?: "created" | "renewed" | "regenerated"): void {
    this.#sends = "ticket";
    if (event !== undefined) this.#definition.tell(event);
  }

  #end(): Committed {
    this.#definition.tell("invalidated");
    this.#forget();
    this.#ended = true;
    return "ended";
  }

  #forget(): void {
    this.#kept = undefined;
    this.#draft = this.#emptyDraft();
    this.#newTags = [];
    this.#moves = this.#touches = false;
    this.#sends = this.#ticket() === undefined ? undefined : "nothing";
  }

  #timed(info: SessionInfo): SessionInfo {
    return this.#idleTimeout === undefined ? info : { ...info, idleTimeout: this.#idleTimeout };
  }

  #expiry(info: SessionInfo): { expiresAt?: number } {
    const { idleTimeout, absoluteTimeout, createdAt } = info;
    const idle = idleTimeout === undefined ? Infinity : this.#definition.clock() + idleTimeout;
    const absolute = absoluteTimeout === undefined ? Infinity : createdAt + absoluteTimeout;
    const expiresAt = Math.min(idle, absolute);
    return expiresAt === Infinity ? {} : { expiresAt };
  }

  /** The timeouts for another id: it lives on no longer than it would have under the old one. */
  #remaining(info: SessionInfo): WriteOptions {
    const { idleTimeout = null, absoluteTimeout, createdAt } = info;
    if (absoluteTimeout === undefined) return { idleTimeout, absoluteTimeout: null };
    return {
      idleTimeout,
      absoluteTimeout: Math.max(1, createdAt + absoluteTimeout - this.#definition.clock()),
    };
  }

  /** How long the client need keep its ticket. */
  #lifetime(info: SessionInfo): number | undefined {
    const { rolling, clock, options } = this.#definition;
    const age = clock() - info.createdAt;
    const absolute = info.absoluteTimeout ?? millis(options.absoluteTimeout);
    const idle = rolling ? (info.idleTimeout ?? millis(options.idleTimeout)) : undefined;
    const shorter = Math.min(absolute === undefined ? Infinity : absolute - age, idle ?? Infinity);
    return shorter === Infinity ? undefined : shorter;
  }

  #checkNotEnded(): void {
    if (!this.#ended) return;
    throw new SessionError("ERR_SESSION_NOT_FOUND", "the session has been ended; clear() begins another");
  }

  #checkNotSealed(): void {
    if (!this.#sealed) return;
    throw new SessionError(
      "ERR_SESSION_CLOSED",
      "the response's headers are gone: the client cannot be told of it",
    );
  }
}

function unsupported(message: string): SessionError {
  return new SessionError("ERR_SESSION_UNSUPPORTED", message);
}

function millis(timeout: Duration | null | undefined): number | undefined {
  return timeout == null ? undefined : toMillis(timeout, "timeout");
}
