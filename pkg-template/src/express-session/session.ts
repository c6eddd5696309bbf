import { SessionError } from "../error.js";
import type { Callback } from "../stores/callback.js";
import { ourStore } from "../stores/express-session.js";
import { ORIGIN, type Known } from "../stores/session-objects.js";
import type { Cookie } from "./cookie.js";
import type { Store } from "./store.js";
import { VISIT, type Visited } from "./visit.js";

/** What a session is made for: a request, or what stands for one where a store loads a session by itself. */
export interface SessionRequest {
  sessionID: string;
  sessionStore: Store;
  session?: any;
}

/**
 * A session as a request has it. Each method that takes a callback answers a promise where none is given.
 */
export class Session {
  declare cookie: Cookie;
  readonly #request: SessionRequest;
  readonly #id: string;
  #origin: Known | undefined;

  constructor(request: SessionRequest, data?: object | null) {
    this.#request = request;
    this.#id = request.sessionID;
    if (typeof data !== "object" || data === null) return;
    const content = data as Record<string, any>;
    for (const key in content) {
      // A content cannot replace a method.
      if (!(key in this)) (this as Record<string, any>)[key] = content[key];
    }
  }

  /** The same as `req.sessionID`. */
  get id(): string {
    return this.#id;
  }

  get req(): SessionRequest {
    return this.#request;
  }

  /** The cookie's age begins anew, as with the response to each request. */
  touch(): this {
    return this.resetMaxAge();
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return this;
  }

  /** Stores what the session holds now; the end of the response does so by itself. */
  save(callback: (error?: any) => void): this;
  save(): Promise<void>;
  save(callback?: (error?: any) => void): this | Promise<void> {
    (this.req as Visited)[VISIT]?.saves(this);
    return answered(this, callback, (done) => this.req.sessionStore.set(this.id, this, done));
  }

  /** `req.session` becomes what is stored by now. */
  reload(callback: (error?: any) => void): this;
  reload(): Promise<void>;
  reload(callback?: (error?: any) => void): this | Promise<void> {
    const { req, id } = this;
    return answered(this, callback, (done) => {
      req.sessionStore.get(id, (error: unknown, content?: any) => {
        if (error) return done(error);
        if (!content) return done(new Error("failed to load session"));
        req.sessionStore.createSession(req, content);
        return done(undefined);
      });
    });
  }

  /** Ends the session; the request has none any more. */
  destroy(callback: (error?: any) => void): this;
  destroy(): Promise<void>;
  destroy(callback?: (error?: any) => void): this | Promise<void> {
    Reflect.deleteProperty(this.req, "session");
    return answered(this, callback, (done) => this.req.sessionStore.destroy(this.id, done));
  }

  /** Ends the session, and gives the request a new and empty one with another id: at a login, for instance. */
  regenerate(callback: (error?: any) => void): this;
  regenerate(): Promise<void>;
  regenerate(callback?: (error?: any) => void): this | Promise<void> {
    return answered(this, callback, (done) => this.req.sessionStore.regenerate(this.req, done));
  }

  /**
   * Changes what is stored by now, and stores it at once. `change` gets the stored content, not this object; it must not be
   * async, and runs again where another request was faster. So of two that count, both are counted. This object has the outcome
   * beside its own changes. Resolves with what `change` answered.
   *
   * Rejects with `ERR_SESSION_UNSUPPORTED` over a store that is no storage of sessile, with `ERR_SESSION_NOT_FOUND` for a session
   * that has ended or was never stored.
   *
   * @example
   * ```js
   * const views = await req.session.update((stored) => (stored.views = (stored.views ?? 0) + 1));
   * ```
   */
  async update<R>(change: (stored: any) => R): Promise<R> {
    const store = ourStore(this.req.sessionStore);
    if (store === undefined) {
      throw new SessionError(
        "ERR_SESSION_UNSUPPORTED",
        "this store cannot tell who was faster: give session() a storage of sessile as its store",
      );
    }
    const answer = await store.core.objects.update(this, change);
    (this.req as Visited)[VISIT]?.rebases(this);
    return answer;
  }

  get [ORIGIN](): Known | undefined {
    return this.#origin;
  }

  set [ORIGIN](known: Known | undefined) {
    this.#origin = known;
  }
}

/** Calls with the caller's callback; or with one of a promise, which nobody must wait for. */
function answered<S>(session: S, callback: unknown, call: (done: Callback) => void): S | Promise<void> {
  if (typeof callback === "function") {
    call(callback as Callback);
    return session;
  }
  const result = new Promise<void>((resolve, reject) => {
    call((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  result.catch(() => {});
  return result;
}
