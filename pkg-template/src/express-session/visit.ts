import type { Callback } from "../stores/callback.js";
import type { Known } from "../stores/session-objects.js";
import { dataIn, isSameCookie, textOf, type Text } from "./content.js";
import { Cookie } from "./cookie.js";
import type { Settings } from "./options.js";
import { isSecure } from "./request.js";
import { serialized } from "./serialized-cookie.js";
import { Session } from "./session.js";
import type { Tickets } from "./tickets.js";

/** Where a request keeps its {@link Visit}. */
export const VISIT = Symbol("visit");

export interface Visited {
  [VISIT]?: Visit;
  session?: any;
  sessionID?: any;
}

/** The same two functions for all requests: what each had of its own would make it an object of a shape of its own. */
const SESSION = {
  configurable: true,
  enumerable: true,
  get(this: Visited): unknown {
    return this[VISIT]?.session;
  },
  set(this: Visited, session: unknown) {
    const visit = this[VISIT];
    if (visit !== undefined) visit.session = session;
  },
};

/** The methods that a session has from us where a store has made an object of a class of its own. */
const METHODS = ["save", "reload", "destroy", "regenerate", "update"] as const;

/** What a request has to do with its session: what was there when it came, and what must be done before it is answered. */
export class Visit {
  readonly #settings: Settings;
  readonly #request: Visited;
  readonly #tickets: Tickets;
  /** The id that the client has sent, and that is signed. */
  readonly cookieId: string | undefined;
  #session: any;
  /** What was found, as long as nobody has asked for the session. */
  #found: Known | { readonly content: any } | undefined;
  /** What our own storage knows of the session that was found, and the session. */
  #known: Known | undefined;
  #opened: unknown;
  #storedCookie: object = {};
  #originalId: unknown;
  /** What the session held when the request came; `undefined` for what nobody has looked at. */
  #original: string | undefined;
  #saved: string | undefined;
  #text: Text | undefined;
  #isTouched = false;
  #isSettling = false;

  constructor(settings: Settings, request: Visited, tickets: Tickets, cookieId: string | undefined) {
    this.#settings = settings;
    this.#request = request;
    this.#tickets = tickets;
    this.cookieId = cookieId;
    request[VISIT] = this;
    Object.defineProperty(request, "session", SESSION);
  }

  /** Whether the session is gone, so that another middleware may give the request one of its own. */
  get isOver(): boolean {
    return !Object.hasOwn(this.#request, "session") || (this.#found === undefined && !this.#session);
  }

  get session(): any {
    if (this.#found !== undefined) this.#open(true);
    return this.#session;
  }

  set session(session: any) {
    if (this.#found !== undefined) this.#open(true);
    this.#session = session;
    if (typeof session !== "object" || session === null || session instanceof Session) return;
    if (typeof session.save !== "function") return;
    for (const name of METHODS) {
      Object.defineProperty(session, name, {
        value: Session.prototype[name],
        writable: true,
        configurable: true,
      });
    }
  }

  /** Gives the request a session that was not there. */
  generate(): void {
    this.#settings.store.generate(this.#request);
    this.#original = textOf(this.#session as object).data;
    this.#originalId = this.#request.sessionID;
  }

  /** Gives the request what is stored, once it asks. */
  found(known: Known): void {
    this.#found = known;
    this.#originalId = this.#request.sessionID;
  }

  /** The same of a store that has answered an object. What cannot be a session is an error now and not later. */
  answered(content: any): void {
    this.#found = { content };
    this.#originalId = this.#request.sessionID;
    if (typeof content.cookie !== "object" || content.cookie === null) this.#open(true);
  }

  /** The session is being saved as it is. */
  saves(session: object): void {
    this.#saved = (this.#isSettling ? this.#textOf(session) : textOf(session)).data;
  }

  /** The session is in the storage as it is, but for what this request changes. */
  rebases(session: object): void {
    const { base } = this.#known ?? {};
    if (session === this.#opened && base !== undefined)
      this.#original = dataIn(base, JSON.parse(base) as object);
  }

  /** Writes the cookie where the response must have one. */
  sendCookie(response: any, onError: (error: unknown) => void): void {
    const request = this.#request;
    const { name, rolling, proxy } = this.#settings;
    if (this.#isUntouched && !rolling) return;
    const { session } = request;
    if (!session || !this.#needsCookie(session)) return;
    if (session.cookie.secure && !isSecure(request, proxy)) return;
    this.#touch(session);
    try {
      const value = this.#tickets.signed(request.sessionID as string);
      const header = serialized(name, value, (session.cookie as Cookie).data);
      const others: unknown = response.getHeader("Set-Cookie") || [];
      response.setHeader("Set-Cookie", Array.isArray(others) ? others.concat(header) : [others, header]);
    } catch (error) {
      onError(error);
    }
  }

  /** Stores what must be stored before the response ends. Whether there is something; `done` is called when it is. */
  settle(done: Callback): boolean {
    const { store, unsetDestroys, resave } = this.#settings;
    const request = this.#request;
    if (this.#isUntouched) {
      if (this.#found !== undefined && !("content" in this.#found)) return this.#isActive(this.#found, done);
      if (!resave && store.touch === undefined) return false;
      // Nobody can have changed it: there is nothing to compare it with.
      this.#open(false);
      this.#touch(this.#session);
      if (resave) this.#session.save(done);
      else store.touch?.(request.sessionID as string, this.#session, done);
      return true;
    }
    const { session } = request;
    if (request.sessionID && unsetDestroys && session == null) {
      store.destroy(request.sessionID as string, done);
      return true;
    }
    if (!session) return false;
    this.#touch(session);
    this.#text = undefined;
    if (typeof request.sessionID !== "string") return false;
    if (this.#known !== undefined && session === this.#opened && session.id === this.#originalId) {
      return this.#commit(this.#known, session, done);
    }
    if (this.#mustSave(session)) {
      this.#isSettling = true;
      session.save(done);
      this.#isSettling = false;
      return true;
    }
    if (store.touch === undefined || this.cookieId !== request.sessionID) return false;
    store.touch(request.sessionID, session, done);
    return true;
  }

  #commit(known: Known, session: any, done: Callback): boolean {
    const { store } = this.#settings;
    const { whole, data } = this.#textOf(session);
    if (data === this.#original) {
      if (isSameCookie(this.#storedCookie, session.cookie as object)) return this.#isActive(known, done);
      store.touch?.(session.id as string, session, done);
      return true;
    }
    if (this.#saved === undefined) return tell(known.owner.commit(known, whole, session as object), done);
    // One after another, since the application is saving it already.
    store.set(session.id as string, session, done);
    return true;
  }

  #isActive(known: Known, done: Callback): boolean {
    return tell(known.owner.active(known), done);
  }

  get #isUntouched(): boolean {
    return (
      this.#found !== undefined &&
      this.#request.sessionID === this.cookieId &&
      Object.hasOwn(this.#request, "session")
    );
  }

  /** Makes the session of what was found. */
  #open(isCompared: boolean): void {
    const found = this.#found;
    this.#found = undefined;
    if (found === undefined) return;
    if ("content" in found) {
      this.#create(found.content);
      if (isCompared) this.#original = textOf(this.#session as object).data;
      if (!this.#settings.resave) this.#saved = this.#original;
      return;
    }
    const content = found.owner.open(found);
    if (content === undefined) return this.generate();
    this.#known = found;
    this.#storedCookie = content["cookie"] as object;
    this.#original = dataIn(found.base, content);
    this.#create(content);
    this.#opened = this.#session;
    found.owner.know(this.#session as object, found);
  }

  /** For the id that was found, whatever the application has made of it since. */
  #create(content: any): void {
    const request = this.#request;
    const { sessionID } = request;
    request.sessionID = this.#originalId;
    try {
      this.#settings.createSession(request, content);
    } finally {
      request.sessionID = sessionID;
    }
  }

  #touch(session: any): void {
    if (!this.#isTouched) session.touch();
    this.#isTouched = true;
  }

  #needsCookie(session: any): boolean {
    const { sessionID } = this.#request;
    if (typeof sessionID !== "string") return false;
    const { saveUninitialized, rolling } = this.#settings;
    if (this.cookieId !== sessionID) return saveUninitialized || this.#isModified(session);
    return rolling || (session.cookie.expires != null && this.#isModified(session));
  }

  #mustSave(session: any): boolean {
    const isNew = this.#saved === undefined && this.cookieId !== this.#request.sessionID;
    if (isNew && !this.#settings.saveUninitialized) return this.#isModified(session);
    const isSaved = this.#originalId === session.id && this.#saved === this.#textOf(session).data;
    return !isSaved;
  }

  #isModified(session: any): boolean {
    if (this.#originalId !== session.id) return true;
    return this.#original !== undefined && this.#original !== this.#textOf(session).data;
  }

  /** Once while the response ends, since nothing of the application's runs meanwhile. */
  #textOf(session: any): Text {
    return (this.#text ??= textOf(session as object));
  }
}

/** Whether there is anything to wait for; if so, `done` is told. */
function tell(work: Promise<void> | undefined, done: Callback): boolean {
  work?.then(
    () => queueMicrotask(() => done(null)),
    (error: unknown) => queueMicrotask(() => done(error)),
  );
  return work !== undefined;
}
