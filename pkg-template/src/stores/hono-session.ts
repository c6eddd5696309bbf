import { checkObject, invalid, timeoutNumber } from "../options.js";
import type { Duration, SessionStorage } from "../types.js";
import { SessionObjects, type Lifetime, type StoredSessionOptions } from "./session-objects.js";

/** The options of `honoSessionStorage`. */
export interface HonoSessionOptions extends StoredSessionOptions {
  /** The session expires without activity for this long. Default: the storage's. */
  idleTimeout?: Duration | null | undefined;
}

/** A storage as @hono/session calls it: without waiting. */
export interface HonoStorage {
  get(id: string): Promise<any>;
  set(id: string, value: any): void;
  delete(id: string): void;
}

/** What of Hono's context is needed. */
export interface HonoContext {
  set(key: "sessionStorage", storage: HonoStorage): void;
}

/**
 * A middleware that gives @hono/session any storage. It stands in place of `useSessionStorage`, and before `useSession`.
 *
 * @hono/session waits for no write of its storage, and learns of none that fails. This middleware does, before the response
 * goes out. What a request changed is merged into what others have stored meanwhile, and a session that was deleted by one
 * request is not brought back by another.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
 *
 * @example
 * ```js
 * import { useSession } from "@hono/session";
 * import { DirectoryStorage } from "sessile";
 * import { honoSessionStorage } from "sessile/stores";
 *
 * app.use(honoSessionStorage(new DirectoryStorage("./sessions"), { idleTimeout: "30m" }), useSession());
 * ```
 */
export function honoSessionStorage(
  storage: SessionStorage,
  options: HonoSessionOptions = {},
): (context: HonoContext, next: () => Promise<void>) => Promise<void> {
  checkObject(options);
  const objects = new SessionObjects(storage, options, fixedLifetime(options.idleTimeout));
  return async (context, next) => {
    const request = new HonoRequestStorage(objects);
    context.set("sessionStorage", request);
    try {
      await next();
    } finally {
      await request.settle();
    }
  };
}

/** The sessions of one request. */
class HonoRequestStorage implements HonoStorage {
  readonly #objects: SessionObjects;
  readonly #loaded = new Map<string, object>();
  readonly #pending: Promise<unknown>[] = [];

  constructor(objects: SessionObjects) {
    this.#objects = objects;
  }

  async get(id: string): Promise<unknown> {
    const session = await this.#objects.load(id);
    if (session === undefined) return null;
    // An update reads again; but what it is given may be made of what was read first.
    if (!this.#loaded.has(id)) this.#loaded.set(id, session);
    return session;
  }

  set(id: string, value: unknown): void {
    const loaded = this.#loaded.get(id);
    this.#loaded.delete(id);
    this.#expect(async () => {
      if (typeof value !== "object" || value === null) throw invalid("a session must be an object");
      if (loaded !== undefined) this.#objects.carry(loaded, value);
      await this.#objects.save(id, value);
    });
  }

  delete(id: string): void {
    this.#loaded.delete(id);
    this.#expect(() => this.#objects.end(id));
  }

  /** Waits for all that was called; a session that was only read has been active. */
  async settle(): Promise<void> {
    for (const [id, session] of this.#loaded) this.#expect(() => this.#objects.touch(id, session));
    await Promise.all(this.#pending);
  }

  #expect(work: () => Promise<unknown>): void {
    const working = work();
    // It is told of in `settle`.
    working.catch(() => {});
    this.#pending.push(working);
  }
}

function fixedLifetime(idleTimeout: Duration | null | undefined): Lifetime {
  const number = timeoutNumber(idleTimeout, "idleTimeout");
  const fixed = Number.isNaN(number) ? undefined : number === Infinity ? null : number;
  return {
    idleTimeout: () => fixed,
    slides: () => true,
    lasting: (session) => session,
    touched: (base) => base,
    refresh: () => {},
  };
}
