import { invalid } from "../options.js";
import type { SessionStorage } from "../types.js";
import { answer, type Callback } from "./callback.js";
import { SessionStoreCore, type SessionStoreMethods, type SessionStoreOptions } from "./session-store.js";

/** What express-session itself is, as far as a store needs it. */
export interface ExpressSession<Base extends object> {
  readonly Store: abstract new () => Base;
}

/** The part of its `Store` that we build upon. */
interface BaseStore {
  createSession(request: object, content: object): object;
}

/**
 * Any storage as the `store` of express-session.
 *
 * Parallel requests lose nothing of each other: what a request changed is merged by key into what is stored by then. A request
 * that had loaded a session before its logout does not bring it back. Only what a value was *computed* from cannot be known:
 * of two requests that count `req.session.views += 1`, both write the same number. A session lives as long as its cookie
 * says (`cookie.maxAge`), and is touched without being written.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
 *
 * @param session express-session itself, whose `Store` ours extends
 *
 * @example
 * ```js
 * import session from "express-session";
 * import { DirectoryStorage } from "sessile";
 * import { expressSessionStore } from "sessile/stores";
 *
 * const store = expressSessionStore(session, new DirectoryStorage("./sessions"), {
 *   tags: ({ userId }) => (userId === undefined ? [] : [`user:${userId}`]),
 * });
 * app.use(session({ store, secret, resave: false, saveUninitialized: false }));
 * await store.invalidateTagged("user:17"); // logs the user out everywhere
 * ```
 */
export function expressSessionStore<Base extends object>(
  session: ExpressSession<Base>,
  storage: SessionStorage,
  options: SessionStoreOptions = {},
): Base & SessionStoreMethods {
  if (typeof session?.Store !== "function")
    throw invalid("the first argument must be express-session itself");
  const core = new SessionStoreCore(storage, options);
  const Parent = session.Store as unknown as new () => BaseStore;
  class Store extends Parent {
    override createSession(request: object, content: object): object {
      const created = super.createSession(request, content);
      core.objects.carry(content, created);
      return created;
    }

    get(id: string, callback?: Callback<unknown>): unknown {
      return answer(core.objects.load(id), callback);
    }

    set(id: string, content: object, callback?: Callback): unknown {
      return core.set(id, content, callback);
    }

    touch(id: string, content: object, callback?: Callback): unknown {
      return core.touch(id, content, callback);
    }

    destroy(id: string, callback?: Callback): unknown {
      return core.destroy(id, callback);
    }

    length(callback?: Callback<number>): unknown {
      return core.length(callback);
    }

    clear(callback?: Callback): unknown {
      return core.clear(callback);
    }

    all(callback?: Callback<never>): unknown {
      return core.all(callback);
    }

    invalidateTagged(tag: string): Promise<number> {
      return core.invalidateTagged(tag);
    }
  }
  return new Store() as unknown as Base & SessionStoreMethods;
}
