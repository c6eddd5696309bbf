import { SessionError } from "../error.js";
import { checkTag, invalid } from "../options.js";
import type { Verified } from "../ticket.js";
import type { SessionInfo } from "../types.js";
import type { RequestHeaders, SentHeader } from "./carriers.js";
import { Changes, NOTHING, type Change } from "./changes.js";
import type { StoredDefinition } from "./definition.js";
import type { Update } from "./draft.js";
import { join } from "./flash.js";
import { encode } from "./json.js";
import { expiry, isTouchDue, remaining, ticketLifetime } from "./lifetime.js";
import { hasCode } from "./records.js";
import { checkFlash, checkKind, type Committed, type OpenSession } from "./session.js";
import { LATER, ROUNDS, type Kept, type Loaded, type StoredSessions } from "./stored.js";
import { inTurn } from "./turns.js";

const LOADED = Promise.resolve();

/** The session of one request, of a storage. */
export class RequestSession<T> implements OpenSession<T> {
  readonly #definition: StoredDefinition<T>;
  readonly #stored: StoredSessions<T>;
  readonly #request: RequestHeaders;
  #loading: Promise<void> | undefined;
  #committing: Promise<unknown> = LOADED;
  /** Commits that have not ended. */
  #commits = 0;
  /** Calls that wait for the session, and whatever they are to do with it then. */
  #waiting = 0;
  #isLoaded = false;
  #kept: Kept | undefined;
  #changes: Changes<T>;
  #ended = false;
  #sealed = false;
  /** The ticket is of an id that was given up while this request was on its way. */
  #came: "late" | undefined;
  #idleTimeout: number | undefined;
  #moves = false;
  #touches = false;
  #sends: "ticket" | "nothing" | undefined;

  constructor(definition: StoredDefinition<T>, request: RequestHeaders) {
    this.#definition = definition;
    this.#stored = definition.stored;
    this.#request = request;
    this.#changes = new Changes(this.#custom);
  }

  get id(): string | undefined {
    return this.#kept?.id;
  }

  get isNew(): boolean {
    return this.#kept === undefined;
  }

  get isUsed(): boolean {
    return this.#loading !== undefined;
  }

  async get(): Promise<T | undefined> {
    await this.#load();
    this.#waiting -= 1;
    return this.#changes.draft.handOut();
  }

  async set(value: T): Promise<void> {
    encode(value, this.#custom);
    await this.#load();
    this.#waiting -= 1;
    this.#checkNotEnded();
    this.#changes.draft.set(value);
  }

  async update(update: Update<T>): Promise<T> {
    if (typeof update !== "function") throw invalid("update must be given a function");
    await this.#load();
    if (this.#custom && !this.#ended) {
      const { draft } = this.#changes;
      return draft.updateRevived(update, this.#revive).finally(() => {
        this.#waiting -= 1;
      });
    }
    this.#waiting -= 1;
    this.#checkNotEnded();
    return this.#changes.draft.update(update);
  }

  async getOrSet(make: () => T | PromiseLike<T>): Promise<T> {
    if (typeof make !== "function") throw invalid("getOrSet must be given a function");
    await this.#load();
    this.#waiting -= 1;

    if (this.#changes.draft.isEmpty) {
      const value = await make();
      // Somebody else in this request may have been faster.
      if (this.#changes.draft.isEmpty) await this.set(value);
    }
    return this.#changes.draft.handOut() as T;
  }

  async flash(kind: string, message: string): Promise<void> {
    checkFlash(kind, message);
    await this.#load();
    this.#waiting -= 1;
    this.#checkNotEnded();
    this.#changes.flash.add(kind, message);
  }

  async flashes(kind: string): Promise<string[]> {
    checkKind(kind);
    await this.#load();
    this.#waiting -= 1;
    return this.#ended ? [] : this.#changes.flash.take(kind);
  }

  clear(): Promise<void> {
    this.#waiting += 1;
    const clear = (): Promise<void> =>
      this.#clear().finally(() => {
        this.#waiting -= 1;
      });
    // In its turn: what is being stored has an id by then, and what is stored after is another session.
    const cleared = this.#committing.then(clear, clear);
    this.#committing = cleared;
    return cleared;
  }

  async #clear(): Promise<void> {
    await this.#loading?.catch(() => {});
    const id = this.#kept?.id ?? this.#verified()?.id;
    if (id !== undefined && (await this.#stored.end(id, this.#kept?.info.revision))) {
      this.#definition.tell("invalidated");
    }
    this.#loading = LOADED;
    this.#isLoaded = true;
    this.#came = undefined;
    this.#forget();
    this.#ended = false;
  }

  async regenerate(): Promise<void> {
    await this.#load();
    this.#waiting -= 1;
    this.#checkNotSealed();
    this.#moves = this.#kept !== undefined;
    this.#came = undefined;
  }

  async tag(...tags: string[]): Promise<void> {
    const checked = tags.map(checkTag);
    if (!this.#definition.capabilities.tags) {
      throw new SessionError("ERR_SESSION_UNSUPPORTED", "this storage has no tags");
    }
    await this.#load();
    this.#waiting -= 1;
    this.#checkNotEnded();
    this.#changes.newTags.push(...checked);
  }

  async touch(): Promise<void> {
    await this.#load();
    this.#waiting -= 1;
    this.#touches = true;
  }

  /** The idle timeout from the next commit on, in milliseconds, in place of the definition's and the storage's. */
  expireAfter(idleTimeout: number): void {
    this.#idleTimeout = idleTimeout;
  }

  commit(): Promise<Committed> {
    this.#commits += 1;
    const commit = (): Promise<Committed> =>
      this.#commit().finally(() => {
        this.#commits -= 1;
      });
    const committed = this.#committing.then(commit, commit);
    this.#committing = committed;
    return committed;
  }

  commitNow(): Committed | undefined {
    if (this.#loading === undefined) return "unchanged";
    if (!this.#isLoaded || this.#waiting > 0 || this.#commits > 0) return undefined;
    try {
      return this.#commitNow();
    } catch {
      // Told by the long way.
      return undefined;
    }
  }

  /** What most requests come to. */
  #commitNow(): Committed | undefined {
    const { records, rolling, schema, touchAfter, clock } = this.#definition;
    const kept = this.#kept;
    const isSpecial = this.#moves || this.#touches || this.#changes.areMore;
    if (this.#ended || isSpecial || rolling || schema !== undefined) return undefined;
    const reached = this.#changes.draft.reach();
    if (kept === undefined) return reached === undefined ? "unchanged" : undefined;
    if (reached === undefined || this.#idleTimeout !== undefined) return undefined;
    if (this.#changes.draft.changes === 0 || reached === kept.text) {
      return isTouchDue(kept.info, touchAfter, clock()) ? undefined : "unchanged";
    }
    if (!records.isNow) return undefined;
    const change = this.#changes.onTopOf(kept, reached);
    const revision = change.text === reached ? this.#stored.writeNow(kept, reached) : undefined;
    if (revision === undefined) return undefined;
    this.#kept = { ...kept, text: reached, info: { ...kept.info, ...expiry(kept.info, clock()), revision } };
    change.settle(reached, undefined);
    return "written";
  }

  seal(): void {
    this.#sealed = true;
  }

  sent(): SentHeader | undefined {
    const { carrier, options, clock } = this.#definition;
    const kept = this.#kept;
    if (this.#sends === undefined) return undefined;
    if (this.#sends === "nothing" || kept === undefined) return carrier.take(this.#request);
    const lifetime = ticketLifetime(kept.info, options, clock());
    return carrier.give(this.#definition.ticketOf(kept.id), lifetime, this.#request);
  }

  get #custom(): boolean {
    return this.#definition.schema !== undefined;
  }

  #ticket(): string | undefined {
    return this.#definition.carrier.read(this.#request);
  }

  #verified(): Verified | undefined {
    const ticket = this.#ticket();
    return ticket === undefined ? undefined : this.#definition.idOf(ticket, this.#request);
  }

  /** The value as the next request would load it. */
  readonly #revive = (text: string | undefined): Promise<T | undefined> => this.#definition.validated(text);

  #onTopOf(stored: Kept, reached?: string): Change<T> | Promise<Change<T>> {
    return this.#custom
      ? this.#changes.onTopOfRevived(stored, this.#revive)
      : this.#changes.onTopOf(stored, reached);
  }

  /** Whoever calls this takes itself from {@link #waiting} when it goes on. */
  #load(): Promise<void> {
    this.#waiting += 1;
    this.#loading ??= this.#begin();
    return this.#loading;
  }

  #begin(): Promise<void> {
    const ticket = this.#ticket();
    const verified = this.#verified();
    const found = verified && this.#stored.readNow(verified.id);
    if (found !== LATER) {
      if (ticket !== undefined) this.#take(verified, found);
      this.#isLoaded = true;
      return LOADED;
    }
    return this.#loadOnce(verified as Verified).catch((error: unknown) => {
      // Who asks again asks the storage again; nobody gets an empty session for one that could not be read.
      this.#loading = undefined;
      throw error;
    });
  }

  async #loadOnce(verified: Verified): Promise<void> {
    this.#take(verified, await this.#stored.read(verified.id));
    this.#isLoaded = true;
  }

  #take(verified: Verified | undefined, found: Loaded<T> | "moved" | undefined): void {
    if (found === "moved") {
      // The client may have the new ticket by now, which must not be taken away from it.
      this.#came = "late";
      this.#definition.tell("moved");
    } else if (!verified || !found) {
      this.#definition.tell(verified && this.#definition.areOurs ? "expired" : "unknown");
      this.#sends = "nothing";
    } else {
      this.#kept = found;
      this.#changes = new Changes(this.#custom, found, found.value);
      if (!verified.byNewest) this.#send("renewed");
    }
  }

  async #commit(): Promise<Committed> {
    if (this.#loading === undefined) return "unchanged";
    await this.#loading;
    if (this.#ended) return "ended";
    const reached = this.#changes.draft.reach();
    const kept = this.#kept;
    const flashed = this.#changes.flash.changes > 0;
    if (kept === undefined) {
      if (reached === undefined && !flashed) return "unchanged";
      // As if it had been loaded a moment earlier.
      return this.#came === "late" ? this.#end() : this.#create(reached);
    }
    if (this.#moves) return this.#move(kept);
    const retimed = this.#timed(kept.info).idleTimeout !== kept.info.idleTimeout;
    if (retimed || this.#changes.newTags.some((tag) => !kept.info.tags.includes(tag)))
      return this.#save(kept, reached);
    if (this.#changes.draft.changes > 0 || flashed) {
      const { text, flash } = await this.#onTopOf(kept, reached);
      if (text !== kept.text || (flashed && join(text, flash) !== join(text, kept.flash))) {
        return this.#save(kept, reached);
      }
    }
    return this.#touchIfDue(kept);
  }

  async #create(reached: string | undefined): Promise<Committed> {
    this.#checkNotSealed();
    const { options: own, tags: always, clock } = this.#definition;
    const { absoluteTimeout } = own;
    const idleTimeout = this.#idleTimeout ?? own.idleTimeout;
    const tags = [...new Set([...always, ...this.#changes.newTags])];
    const options = { idleTimeout, absoluteTimeout, ...(tags.length > 0 ? { tags } : undefined) };
    const change = this.#changes.onTopOf(NOTHING, reached);
    const value = await this.#definition.validated(reached);
    const { id, revision } = await this.#stored.create(reached, change.flash, options);
    // The storage's own timeouts are not known before it is read.
    const info = { revision, createdAt: clock(), tags };
    this.#kept = { id, text: reached, flash: change.flash, info, isOwn: true };
    change.settle(reached, value);
    this.#send("created");
    return "written";
  }

  /** Stores the changes on top of what is stored, whoever wrote it. */
  async #save(kept: Kept, reachedNow: string | undefined): Promise<Committed> {
    const { capabilities, onConflict, records, rolling, clock } = this.#definition;
    const attempt = async (stored: Kept, reached?: string): Promise<boolean> => {
      const change = await this.#onTopOf(stored, reached);
      const text = onConflict === "overwrite" ? change.reached : change.text;
      const value = await this.#definition.validated(text);
      const info = this.#timed(stored.info);
      const tags = [...new Set([...info.tags, ...change.newTags])];
      const tagged = tags.length > info.tags.length ? { tags } : undefined;
      const options = { ...tagged, idleTimeout: this.#idleTimeout, ifRevision: info.revision };
      try {
        const revision = await this.#stored.write(stored.id, text, change.flash, options);
        const now = { ...info, ...expiry(info, clock()), revision, tags };
        this.#kept = { ...stored, text, flash: change.flash, info: now };
        change.settle(text, value);
        if (rolling) this.#send();
        return true;
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT")) throw error;
        this.#definition.tell("conflict");
        if (onConflict === "error") throw error;
        return false;
      }
    };
    // Without conditional writes, looking just before is the best there is.
    const current = capabilities.conditional ? kept : await this.#fresh(kept);
    if (current === undefined) return this.#end();
    if (await attempt(current, capabilities.conditional ? reachedNow : undefined)) return "written";
    return inTurn(records.storage, kept.id, async () => {
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

  /** The new session is stored before the old id is given up: at no time is there none. */
  async #move(kept: Kept): Promise<Committed> {
    this.#checkNotSealed();
    const { capabilities, onConflict, clock } = this.#definition;
    const stored = this.#stored;
    let current = capabilities.conditional && !kept.isOwn ? kept : await this.#fresh(kept);
    let next: { id: string; revision: string } | undefined;
    for (let round = 0; current !== undefined; round += 1) {
      if (round === ROUNDS)
        throw new SessionError("ERR_SESSION_CONFLICT", "others keep writing to the session");
      const info = this.#timed(current.info);
      const change = await this.#onTopOf(current);
      const text = onConflict === "overwrite" ? (change.reached ?? current.text) : change.text;
      const value = await this.#definition.validated(text);
      const tags = [...new Set([...info.tags, ...change.newTags])];
      const tagged = tags.length > 0 ? { tags } : undefined;
      if (next === undefined) {
        next = await stored.create(text, change.flash, { ...remaining(info, clock()), ...tagged });
      } else {
        const options = { ...tagged, ifRevision: next.revision };
        next.revision = await stored.write(next.id, text, change.flash, options);
      }
      try {
        await stored.move(current, next.id);
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT") || onConflict === "error") {
          await stored.end(next.id, next.revision);
          throw error;
        }
        this.#definition.tell("conflict");
        current = await this.#fresh(kept);
        continue;
      }
      const now = { ...info, ...expiry(info, clock()), revision: next.revision, tags };
      // The storage counts another beginning for it.
      this.#kept = { id: next.id, text, flash: change.flash, info: now, isOwn: true };
      change.settle(text, value);
      this.#moves = false;
      this.#send("regenerated");
      return "written";
    }
    if (next !== undefined) await stored.end(next.id, next.revision);
    return this.#end();
  }

  async #touchIfDue(kept: Kept): Promise<Committed> {
    const { records, touchAfter, clock, capabilities, rolling } = this.#definition;
    const { info } = kept;
    const asked = this.#touches && info.idleTimeout !== undefined;
    if (!asked && !isTouchDue(info, touchAfter, clock())) return "unchanged";
    this.#touches = false;
    const touched = { ...info, ...expiry(info, clock()) };
    if (records.touches) {
      if (!(await records.touch(kept.id))) return this.#end();
      // The ticket of an id that was given up meanwhile would take the place of the new one.
      if (rolling && (await this.#fresh(kept)) === undefined) return this.#end();
      this.#kept = { ...kept, info: touched };
    } else {
      if (!capabilities.conditional) return "unchanged";
      try {
        const options = { ifRevision: info.revision };
        const revision = await this.#stored.write(kept.id, kept.text, kept.flash, options);
        this.#kept = { ...kept, info: { ...touched, revision } };
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
    const found = await this.#stored.read(kept.id);
    if (found === "moved") this.#came = "late";
    if (found === undefined || found === "moved") return undefined;
    if (!kept.isOwn && found.info.createdAt !== kept.info.createdAt) return undefined;
    const { id, text, flash, info } = found;
    return { id, text, flash, info };
  }

  #timed(info: SessionInfo): SessionInfo {
    return this.#idleTimeout === undefined ? info : { ...info, idleTimeout: this.#idleTimeout };
  }

  #send(event?: "created" | "renewed" | "regenerated"): void {
    this.#sends = "ticket";
    if (event !== undefined) this.#definition.tell(event);
  }

  #end(): Committed {
    this.#definition.tell("ended");
    this.#forget();
    this.#ended = true;
    return "ended";
  }

  #forget(): void {
    this.#kept = undefined;
    this.#changes = new Changes(this.#custom);
    this.#moves = this.#touches = false;
    this.#sends = this.#ticket() === undefined || this.#came === "late" ? undefined : "nothing";
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
