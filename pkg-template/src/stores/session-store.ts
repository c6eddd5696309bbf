import { SessionError } from "../error.js";
import { checkObject, checkTag } from "../options.js";
import type { Duration, SessionStorage } from "../types.js";
import { answer, type Callback } from "./callback.js";
import { cookieLifetime } from "./cookie-lifetime.js";
import { SessionObjects, type StoredSessionOptions } from "./session-objects.js";

/** The options of `expressSessionStore` and `fastifySessionStore`. */
export interface SessionStoreOptions extends StoredSessionOptions {
  /**
   * How long a session may be idle whose cookie has neither an age nor a date; `null` for no bound. Default: one day.
   * A cookie's own `maxAge`, or else its `expires`, goes before.
   */
  idleTimeout?: Duration | null | undefined;
  /** A tag that each session of this store carries: `length` and `clear` need it. Default: none. */
  tag?: string | undefined;
}

/** A store as express-session and @fastify/session call it. Each method also answers a promise, if no callback is given. */
export interface SessionStoreMethods {
  /** Calls back with an object of the caller's own, or with `(null, undefined)` where there is no session. */
  get(id: string, callback: (error: any, session?: any) => void): void;
  get(id: string): Promise<any>;
  /**
   * Stores what a session holds now. One that was loaded from here and has been destroyed since is not brought back, and that
   * is no error: the request goes on as one whose client has logged out.
   */
  set(id: string, session: object, callback: (error?: any) => void): void;
  set(id: string, session: object): Promise<void>;
  /** Counts as activity, without writing the content. A cookie with another age is written. */
  touch(id: string, session: object, callback: (error?: any) => void): void;
  touch(id: string, session: object): Promise<void>;
  destroy(id: string, callback: (error?: any) => void): void;
  destroy(id: string): Promise<void>;
  /** How many sessions there are. Needs the option `tag`, or fails with `ERR_SESSION_UNSUPPORTED`. */
  length(callback: (error: any, length?: number) => void): void;
  length(): Promise<number>;
  /** Destroys all sessions of this store. Needs the option `tag`, as `length`. */
  clear(callback: (error?: any) => void): void;
  clear(): Promise<void>;
  /** Always fails with `ERR_SESSION_UNSUPPORTED`: a storage keeps no ids that could be given out. */
  all(callback: (error: any, sessions?: any) => void): void;
  all(): Promise<never>;
  /** Destroys the sessions to which the option `tags` has given this tag; resolves with how many. */
  invalidateTagged(tag: string): Promise<number>;
}

/** What stands behind a store, whichever library it is for. */
export class SessionStoreCore {
  readonly objects: SessionObjects;
  readonly #tag: string | undefined;

  constructor(storage: SessionStorage, options: SessionStoreOptions = {}) {
    checkObject(options);
    const { idleTimeout = "1d", tag, clock = Date.now } = options;
    this.#tag = tag;
    this.objects = new SessionObjects(storage, options, cookieLifetime(idleTimeout, clock), tag);
  }

  set(id: string, session: object, callback?: Callback): Promise<void> | undefined {
    return answer(this.objects.save(id, session), callback);
  }

  touch(id: string, session: object, callback?: Callback): Promise<void> | undefined {
    return answer(this.objects.touch(id, session), callback);
  }

  destroy(id: string, callback?: Callback): Promise<void> | undefined {
    const end = async (): Promise<void> => void (await this.objects.end(id));
    return answer(end(), callback);
  }

  length(callback?: Callback<number>): Promise<number> | undefined {
    const count = async (): Promise<number> => {
      let length = 0;
      for await (const _ of this.objects.records.listTagged(this.#listed())) length += 1;
      return length;
    };
    return answer(count(), callback);
  }

  clear(callback?: Callback): Promise<void> | undefined {
    const clear = async (): Promise<void> => {
      await this.objects.records.invalidateTagged(this.#listed());
    };
    return answer(clear(), callback);
  }

  all(callback?: Callback<never>): Promise<never> | undefined {
    const refused = unsupported(
      "a storage keeps no ids: sessions can be counted and cleared, but not given out",
    );
    return answer(Promise.reject(refused), callback);
  }

  async invalidateTagged(tag: string): Promise<number> {
    return this.objects.records.invalidateTagged(checkTag(tag));
  }

  #listed(): string {
    if (this.#tag !== undefined) return this.#tag;
    throw unsupported("give the store a tag (its option of that name), by which its sessions can be found");
  }
}

function unsupported(message: string): SessionError {
  return new SessionError("ERR_SESSION_UNSUPPORTED", message);
}
