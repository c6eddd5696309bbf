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
 * says (`cookie.maxAge`), and is touched without being written. One thing no store can change: express-session sends the headers
 * of a response before it has saved, so a client that follows a redirect by its headers alone may come too early.
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
  const Store = storeOver(session.Store as unknown as BaseStoreConstructor);
  return new Store(storage, options) as unknown as Base & SessionStoreMethods;
}

/** A store of ours, seen from within. */
export interface OurStore {
  readonly core: SessionStoreCore;
  /** Whether nobody has put methods of their own in place of the store's. */
  isUnchanged(): boolean;
}

const ourStores = new WeakMap<object, OurStore>();

export function ourStore(store: object): OurStore | undefined {
  return ourStores.get(store);
}

type BaseStoreConstructor = new () => BaseStore;

/** The class of our stores that extends this one. */
export function storeOver(
  Parent: BaseStoreConstructor,
): new (storage: SessionStorage, options?: SessionStoreOptions) => BaseStore & SessionStoreMethods {
  class StorageStore extends Parent {
    readonly #core: SessionStoreCore;

    constructor(storage: SessionStorage, options: SessionStoreOptions = {}) {
      super();
      this.#core = new SessionStoreCore(storage, options);
      const { get, set, touch, destroy, createSession } = StorageStore.prototype;
      ourStores.set(this, {
        core: this.#core,
        isUnchanged: () =>
          this.get === get &&
          this.set === set &&
          this.touch === touch &&
          this.destroy === destroy &&
          this.createSession === createSession,
      });
    }

    override createSession(request: object, content: object): object {
      const created = super.createSession(request, content);
      this.#core.objects.carry(content, created);
      return created;
    }

    get(id: string, callback?: Callback<unknown>): unknown {
      return answer(this.#core.objects.load(id), callback);
    }

    set(id: string, content: object, callback?: Callback): unknown {
      return this.#core.set(id, content, callback);
    }

    touch(id: string, content: object, callback?: Callback): unknown {
      return this.#core.touch(id, content, callback);
    }

    destroy(id: string, callback?: Callback): unknown {
      return this.#core.destroy(id, callback);
    }

    length(callback?: Callback<number>): unknown {
      return this.#core.length(callback);
    }

    clear(callback?: Callback): unknown {
      return this.#core.clear(callback);
    }

    all(callback?: Callback<any>): unknown {
      return this.#core.all(callback);
    }

    invalidateTagged(tag: string): Promise<number> {
      return this.#core.invalidateTagged(tag);
    }
  }
  return StorageStore as unknown as new (
    storage: SessionStorage,
    options?: SessionStoreOptions,
  ) => BaseStore & SessionStoreMethods;
}
