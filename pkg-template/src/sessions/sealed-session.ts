import { SessionError } from "../error.js";
import { generateSessionId } from "../id.js";
import { invalid } from "../options.js";
import { Sealer } from "../ticket.js";
import type { SessionInfo } from "../types.js";
import type { Carrier, RequestHeaders, SentHeader } from "./carriers.js";
import { Definition } from "./definition.js";
import { Draft, type Update } from "./draft.js";
import { FlashDraft, NO_FLASH, join, split } from "./flash.js";
import { encode } from "./json.js";
import { expiry, isTouchDue, millis, ticketLifetime } from "./lifetime.js";
import type { SealedCookieOptions } from "./options.js";
import { checkFlash, checkKind, type Committed, type OpenSession } from "./session.js";
import { firstOf } from "./tickets.js";

/** RFC 6265bis, 5.6: browsers drop a cookie whose name and value are longer. */
const LONGEST_COOKIE = 4096;

/** Sessions that the client's cookie carries whole. */
export class SealedDefinition<T> extends Definition<T> {
  readonly sealer: Sealer;

  constructor(name: string, options: SealedCookieOptions<T>, carrier: (options: any) => Carrier) {
    super(name, options, carrier);
    this.sealer = new Sealer(options.secrets);
  }

  open(request: RequestHeaders): OpenSession<T> {
    return new SealedSession(this, request);
  }
}

/** What a cookie carries. */
interface Content {
  readonly id: string;
  readonly createdAt: number;
  /** The last activity that was noted. */
  readonly activeAt: number;
  readonly stored: string;
}

/** The session of one request, of a cookie that carries it. */
class SealedSession<T> implements OpenSession<T> {
  readonly #definition: SealedDefinition<T>;
  readonly #request: RequestHeaders;
  #loading: Promise<void> | undefined;
  #content: Content | undefined;
  #draft: Draft<T>;
  #flash = new FlashDraft(NO_FLASH);
  #sealed = false;
  #moves = false;
  #touches = false;
  #renews = false;
  #sends: { readonly ticket: string; readonly info: SessionInfo } | "nothing" | undefined;

  constructor(definition: SealedDefinition<T>, request: RequestHeaders) {
    this.#definition = definition;
    this.#request = request;
    this.#draft = this.#emptyDraft();
  }

  get id(): string | undefined {
    return this.#content?.id;
  }

  get isNew(): boolean {
    return this.#content === undefined;
  }

  get isUsed(): boolean {
    return this.#loading !== undefined;
  }

  async get(): Promise<T | undefined> {
    await this.#load();
    return this.#draft.handOut();
  }

  async set(value: T): Promise<void> {
    encode(value, this.#custom);
    await this.#load();
    this.#draft.set(value);
  }

  async update(update: Update<T>): Promise<T> {
    if (typeof update !== "function") throw invalid("update must be given a function");
    await this.#load();
    return this.#custom ? this.#draft.updateRevived(update, this.#revive) : this.#draft.update(update);
  }

  async getOrSet(make: () => T | PromiseLike<T>): Promise<T> {
    if (typeof make !== "function") throw invalid("getOrSet must be given a function");
    await this.#load();

    if (this.#draft.isEmpty) {
      const value = await make();
      if (this.#draft.isEmpty) await this.set(value);
    }
    return this.#draft.handOut() as T;
  }

  async flash(kind: string, message: string): Promise<void> {
    checkFlash(kind, message);
    await this.#load();
    this.#flash.add(kind, message);
  }

  async flashes(kind: string): Promise<string[]> {
    checkKind(kind);
    await this.#load();
    return this.#flash.take(kind);
  }

  async clear(): Promise<void> {
    await this.#loading?.catch(() => {});
    const ticket = this.#ticket();
    // The client would keep it.
    if (ticket !== undefined || this.#content !== undefined) this.#checkNotSealed();
    if (this.#content !== undefined || ticket !== undefined) this.#definition.tell("invalidated");
    this.#loading = Promise.resolve();
    this.#content = undefined;
    this.#draft = this.#emptyDraft();
    this.#flash = new FlashDraft(NO_FLASH);
    this.#moves = this.#touches = this.#renews = false;
    this.#sends = ticket === undefined ? undefined : "nothing";
  }

  async regenerate(): Promise<void> {
    await this.#load();
    this.#moves = this.#content !== undefined;
  }

  tag(): Promise<void> {
    return Promise.reject(
      new SessionError("ERR_SESSION_UNSUPPORTED", "a session that its cookie carries is found by no tag"),
    );
  }

  async touch(): Promise<void> {
    await this.#load();
    this.#touches = true;
  }

  commitNow(): undefined {
    return undefined;
  }

  async commit(): Promise<Committed> {
    if (this.#loading === undefined) return "unchanged";
    await this.#loading;
    const reached = this.#draft.reach();
    const { changes } = this.#draft;
    const flashChanges = this.#flash.changes;
    const content = this.#content;
    const flash = this.#flash.onTopOf(content === undefined ? NO_FLASH : split(content.stored).flash);
    if (content === undefined && reached === undefined && this.#flash.changes === 0) return "unchanged";
    const stored = join(reached, flash);
    const isChanged = content?.stored !== stored;
    if (!isChanged && !this.#moves && !this.#renews && !this.#isTouchDue()) return "unchanged";
    // A touch that nobody has asked for can wait for the next request.
    if (this.#sealed && !isChanged && !this.#moves && !this.#touches) return "unchanged";
    this.#checkNotSealed();
    await this.#revive(reached);
    const now = this.#definition.clock();
    const id = content === undefined || this.#moves ? generateSessionId() : content.id;
    this.#seal({ id, createdAt: content?.createdAt ?? now, activeAt: now, stored });
    if (reached !== undefined) this.#draft.settle(reached, changes, reached);
    this.#flash.settle(flash, flashChanges);
    if (content === undefined) this.#definition.tell("created");
    else if (this.#moves) this.#definition.tell("regenerated");
    else if (this.#renews) this.#definition.tell("renewed");
    const isWritten = isChanged || this.#moves;
    this.#moves = this.#touches = this.#renews = false;
    return isWritten ? "written" : "touched";
  }

  seal(): void {
    this.#sealed = true;
  }

  sent(): SentHeader | undefined {
    const { carrier, options, clock } = this.#definition;
    if (this.#sends === undefined) return undefined;
    if (this.#sends === "nothing") return carrier.take(this.#request);
    // The activity is in the cookie, so that each one lives as long as the session.
    const lifetime = ticketLifetime(this.#sends.info, { ...options, rolling: true }, clock());
    return carrier.give(this.#sends.ticket, lifetime, this.#request);
  }

  get #custom(): boolean {
    return this.#definition.schema !== undefined;
  }

  #checkNotSealed(): void {
    if (!this.#sealed) return;
    throw new SessionError("ERR_SESSION_CLOSED", "the response's headers are gone: nothing can be stored");
  }

  #emptyDraft(): Draft<T> {
    return new Draft<T>(undefined, undefined, this.#custom);
  }

  #ticket(): string | undefined {
    return this.#definition.carrier.read(this.#request);
  }

  #load(): Promise<void> {
    return (this.#loading ??= this.#loadOnce());
  }

  async #loadOnce(): Promise<void> {
    const ticket = this.#ticket();
    if (ticket === undefined) return;
    const { sealer, name, clock, carrier } = this.#definition;
    const open = (one: string): ReturnType<Sealer["open"]> => sealer.open(name, one);
    const opened = open(ticket) ?? firstOf(carrier.others(this.#request), open);
    const content = opened && contentOf(opened.data);
    const now = clock();
    this.#sends = "nothing";
    if (opened === undefined || content === undefined) return this.#definition.tell("unknown");
    if ((expiry(this.#info(content), content.activeAt).expiresAt ?? Infinity) <= now) {
      return this.#definition.tell("expired");
    }
    const found = await this.#read(content.stored);
    if (found === undefined) return;
    this.#sends = undefined;
    this.#content = content;
    this.#draft = new Draft(found.text, found.value, this.#custom);
    this.#flash = new FlashDraft(split(content.stored).flash);
    this.#renews = !opened.byNewest;
  }

  async #read(stored: string): Promise<{ text: string | undefined; value: T | undefined } | undefined> {
    const { text } = split(stored);
    const { schema, options, name } = this.#definition;
    const data: unknown = text === undefined ? undefined : JSON.parse(text);
    if (schema === undefined || data === undefined) return { text, value: data as T };
    const result = await schema["~standard"].validate(data);
    if (result.issues === undefined) return { text: encode(result.value, true), value: result.value };
    this.#definition.tell("invalid");
    await options.onInvalid?.({ name, reason: "schema", cause: result.issues });
    return undefined;
  }

  readonly #revive = (text: string | undefined): Promise<T | undefined> => this.#definition.validated(text);

  #seal(content: Content): void {
    const { sealer, name } = this.#definition;
    const { id, createdAt, activeAt, stored } = content;
    const ticket = sealer.seal(name, JSON.stringify([VERSION, id, createdAt, activeAt, stored]));
    if (name.length + ticket.length > LONGEST_COOKIE) {
      throw new SessionError(
        "ERR_SESSION_TOO_LARGE",
        `sealed, the session has ${ticket.length} bytes; browsers drop a cookie of more than ` +
          `${LONGEST_COOKIE} with its name: keep it in a storage`,
      );
    }
    this.#content = content;
    this.#sends = { ticket, info: this.#info(content) };
  }

  #isTouchDue(): boolean {
    const content = this.#content;
    if (content === undefined) return false;
    if (this.#touches) return true;
    const info = this.#info(content);
    const { touchAfter, clock } = this.#definition;
    return isTouchDue({ ...info, ...expiry(info, content.activeAt) }, touchAfter, clock());
  }

  #info({ createdAt }: Content): SessionInfo {
    const { options } = this.#definition;
    const idleTimeout = millis(options.idleTimeout);
    const absoluteTimeout = millis(options.absoluteTimeout);
    return {
      revision: "",
      createdAt,
      tags: [],
      ...(idleTimeout === undefined ? undefined : { idleTimeout }),
      ...(absoluteTimeout === undefined ? undefined : { absoluteTimeout }),
    };
  }
}

/** Of what the cookie carries; another one is not read. */
const VERSION = 1;

/** What was sealed by us; of another version, nothing. */
function contentOf(data: Uint8Array): Content | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || parsed[0] !== VERSION) return undefined;
  const [, id, createdAt, activeAt, stored] = parsed as unknown[];
  if (typeof id !== "string" || typeof stored !== "string") return undefined;
  if (!Number.isFinite(createdAt) || !Number.isFinite(activeAt)) return undefined;
  try {
    JSON.parse(stored);
  } catch {
    return undefined;
  }
  return { id, createdAt: createdAt as number, activeAt: activeAt as number, stored };
}
