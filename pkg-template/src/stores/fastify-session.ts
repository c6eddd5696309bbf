import type { SessionStorage } from "../types.js";
import { answer, type Callback } from "./callback.js";
import type { SessionContent } from "./session-objects.js";
import { SessionStoreCore, type SessionStoreMethods, type SessionStoreOptions } from "./session-store.js";

/**
 * Any storage as the `store` of @fastify/session, with all that `expressSessionStore` says. Its option `rolling`, which is
 * on by default, saves with each request; where nothing but the cookie's date has changed, that is a touch here.
 *
 * @example
 * ```js
 * import { DirectoryStorage } from "sessile";
 * import { fastifySessionStore } from "sessile/stores";
 *
 * const store = fastifySessionStore(new DirectoryStorage("./sessions"));
 * await app.register(fastifySession, { store, secret, cookie: { maxAge: 1_800_000 } });
 * ```
 */
export function fastifySessionStore(
  storage: SessionStorage,
  options: SessionStoreOptions = {},
): SessionStoreMethods {
  return new FastifySessionStore(storage, options) as unknown as SessionStoreMethods;
}

class FastifySessionStore extends SessionStoreCore {
  get(id: string, callback?: Callback<SessionContent | undefined>): unknown {
    const load = async (): Promise<SessionContent | undefined> => {
      const content = await this.objects.load(id);
      return content && this.#linked(content);
    };
    return answer(load(), callback);
  }

  /**
   * A session copies the keys of what it is given, and takes its own JSON before anybody sees it, to tell later whether it has
   * changed. So a key `toJSON` learns for which session it was copied, and is gone then.
   */
  #linked(content: SessionContent): SessionContent {
    const { objects } = this;
    function toJSON(this: SessionContent): SessionContent {
      objects.carry(content, this);
      delete this["toJSON"];
      return this;
    }
    return Object.defineProperty(content, "toJSON", { value: toJSON, enumerable: true, configurable: true });
  }
}
