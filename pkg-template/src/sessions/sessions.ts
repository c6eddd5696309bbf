import { invalid } from "../options.js";
import type { RequestHeaders, SentHeader } from "./carriers.js";
import { Definition, StoredDefinition, type SessionDefinition } from "./definition.js";
import type { SessionCounters } from "./events.js";
import { fetchHandler, type FetchHandler } from "./fetch.js";
import { middleware, type NodeMiddleware, type NodeOptions } from "./node.js";
import type { Records } from "./records.js";
import { revoke } from "./revoke.js";
import type { OpenSession, Session } from "./session.js";

/** Sessions by the names that an application gives them. */
export type SessionDefinitions = Readonly<Record<string, SessionDefinition<any>>>;

/** What a handler gets: a session for each definition. */
export type SessionsOf<D extends SessionDefinitions> = {
  readonly [Name in keyof D]: D[Name] extends SessionDefinition<infer T> ? Session<T> : never;
};

/** The sessions of one application, for any server. Made by {@link sessions}. */
export interface Sessions<D extends SessionDefinitions> {
  /**
   * A handler for `Deno.serve`, `Bun.serve`, workerd and whatever else takes a `Request` and answers a `Response`. What was
   * changed is stored before the response is returned; if that fails, the promise rejects and no response goes out. A
   * handler that throws stores nothing. A promise that rejects has no headers: one that has committed a new id, and then
   * throws, leaves the client with the old one; so answer such errors within the handler.
   */
  fetch<Rest extends unknown[]>(
    handler: (request: Request, sessions: SessionsOf<D>, ...rest: Rest) => Response | PromiseLike<Response>,
  ): FetchHandler<Rest>;
  /**
   * Middleware for `node:http`: `req.sessions` has the sessions, and what was changed is stored before the response's
   * headers go out. If that fails, the client gets an empty 500 and `onError` the error.
   */
  node(options?: NodeOptions): NodeMiddleware;
  /** The same for Express 4 and 5. */
  express(options?: NodeOptions): NodeMiddleware;
  /** The sessions of a request that an adapter has taken, with their types. */
  of(request: object): SessionsOf<D>;
  /**
   * The sessions of one request, for an adapter to another server. The object that stands for the request is what `of` finds
   * them by. Whoever opens them calls `commit` before the response's headers go out, or `seal` where those went without.
   */
  open(request: object, headers: RequestHeaders): OpenSessions<D>;
  /** How often what has happened to the sessions of each definition, since they were defined. */
  counters(): { readonly [Name in keyof D]: SessionCounters };
  /** Whether they have been opened for this request, by an adapter further out, whose they are to commit then. */
  isOpen(request: object): boolean;
  /** Ends all sessions that carry a tag, in every storage that has tags; resolves with how many. */
  revokeAll(tag: string): Promise<number>;
}

/** The sessions of one request, and what is to be done with them at its end. */
export interface OpenSessions<D extends SessionDefinitions> {
  readonly sessions: SessionsOf<D>;
  /** Whether anybody has asked for one: if not, nothing need be waited for. */
  readonly isUsed: boolean;
  /**
   * Stores all that was changed; answers the headers that the response needs beside its own. A response that has any of them
   * must not be kept by a shared cache. Rejects if something could not be stored; no response must go out then but an error.
   */
  commit(): Promise<SentHeader[]>;
  /** Nothing can be told to the client after this: what would need it fails. Answers what was still to be told. */
  seal(): SentHeader[];
}

/** Makes the objects that have a session for each definition, made when it is first asked for. */
function viewOf(
  definitions: readonly (readonly [string, Definition<unknown>])[],
): new (held: Held) => object {
  class View {
    readonly #held: Held;

    constructor(held: Held) {
      this.#held = held;
    }

    static {
      // On the prototype, once for all requests.
      Object.setPrototypeOf(this.prototype, null);
      definitions.forEach(([name, definition], index) => {
        const get = function (this: View): unknown {
          return this.#held.session(index, definition);
        };
        Object.defineProperty(this.prototype, name, { get, enumerable: true });
      });
    }
  }
  return View;
}

export class Held implements OpenSessions<any> {
  readonly sessions: any;
  readonly #request: RequestHeaders;
  readonly #byIndex: (OpenSession<unknown> | undefined)[] = [];
  readonly #used: OpenSession<unknown>[] = [];
  #sealed = false;

  constructor(View: new (held: Held) => object, request: RequestHeaders) {
    this.sessions = new View(this);
    this.#request = request;
  }

  session(index: number, definition: Definition<unknown>): OpenSession<unknown> {
    let session = this.#byIndex[index];
    if (session === undefined) {
      this.#byIndex[index] = session = definition.open(this.#request);
      this.#used.push(session);
      if (this.#sealed) session.seal();
    }
    return session;
  }

  get isUsed(): boolean {
    return this.#used.some((session) => session.isUsed);
  }

  /** As {@link commit} and `seal`, where nothing need be waited for; `undefined`, with nothing done, where that is not so. */
  commitNow(): SentHeader[] | undefined {
    const isDone = this.#used.length === 1 && this.#used[0]?.commitNow() !== undefined;
    return isDone ? this.seal() : undefined;
  }

  async commit(): Promise<SentHeader[]> {
    const now = this.commitNow();
    if (now !== undefined) return now;
    const [only, ...others] = this.#used;
    if (only !== undefined && others.length === 0) {
      await only.commit();
      return this.seal();
    }
    // All are tried, so that a failure of one leaves no other undecided.
    const ended = await Promise.allSettled(this.#used.map((session) => session.commit()));
    const failed = ended.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return this.seal();
  }

  seal(): SentHeader[] {
    this.#sealed = true;
    const sent: SentHeader[] = [];
    for (const session of this.#used) {
      session.seal();
      const header = session.sent();
      if (header !== undefined) sent.push(header);
    }
    return sent;
  }
}

/**
 * Sessions for web servers. A session is loaded when it is asked for and stored before the response's headers go out, such
 * that parallel requests lose none of each other's changes, and an ended session stays ended.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for no definition, or two of one cookie or header.
 *
 * @example
 * ```js
 * import { SessionStorageMemory, cookie, sessions } from "sessile";
 *
 * const storage = new SessionStorageMemory();
 * const app = sessions({ user: cookie("user", storage, { idleTimeout: "30m" }) });
 * const handler = app.fetch(async (request, { user }) => {
 *   const { visits } = await user.update((value) => ({ visits: (value?.visits ?? 0) + 1 }));
 *   return new Response(`visit ${visits}`);
 * });
 * ```
 */
export function sessions<D extends SessionDefinitions>(definitions: D): Sessions<D> {
  const all = checkDefinitions(definitions);
  const View = viewOf(all);
  const held = new ByRequest<Held>();
  const open = (request: object, headers: RequestHeaders): Held => {
    const opened = new Held(View, headers);
    held.set(request, opened);
    return opened;
  };
  const isOpen = (request: object): boolean => held.get(request) !== undefined;
  const node = (options: NodeOptions = {}): NodeMiddleware => middleware(open, isOpen, options);
  return {
    fetch: (handler) =>
      fetchHandler(open, handler as Parameters<typeof fetchHandler>[1]) as FetchHandler<any>,
    node,
    express: node,
    of(request) {
      const found = held.get(request);
      if (found === undefined) throw invalid("these sessions have not seen this request");
      return found.sessions as SessionsOf<D>;
    },
    open,
    counters: () =>
      Object.fromEntries(all.map(([name, { events }]) => [name, events.counters])) as ReturnType<
        Sessions<D>["counters"]
      >,
    isOpen,
    async revokeAll(tag) {
      const storages = new Map<object, Records>();
      for (const [, definition] of all) {
        if (!(definition instanceof StoredDefinition) || !definition.capabilities.tags) continue;
        storages.set(definition.records.storage, definition.records);
      }
      if (storages.size === 0) throw invalid("no storage of these sessions has tags");
      let count = 0;
      for (const records of storages.values()) count += await revoke(records, tag);
      return count;
    },
  };
}

function checkDefinitions(definitions: unknown): [string, Definition<unknown>][] {
  if (typeof definitions !== "object" || definitions === null)
    throw invalid("sessions() takes an object of definitions");
  const all = Object.entries(definitions as Record<string, unknown>);
  if (all.length === 0) throw invalid("sessions() needs a definition");
  const carriers = new Set<string>();
  return all.map(([name, definition]) => {
    if (!(definition instanceof Definition))
      throw invalid("a definition must be made by cookie() or header()");
    const { key } = (definition as Definition<unknown>).carrier;
    if (carriers.has(key)) throw invalid(`two sessions travel in the ${key}`);
    carriers.add(key);
    return [name, definition as Definition<unknown>];
  });
}

/**
 * What belongs to a request: a property of it, since an entry of a `WeakMap` for each request costs the garbage collector as
 * much as a quarter of all else that a session does.
 */
class ByRequest<V> {
  readonly #key = Symbol("sessions");
  readonly #ofSealed = new WeakMap<object, V>();

  set(request: object, value: V): void {
    if (Object.isExtensible(request)) (request as Record<symbol, V>)[this.#key] = value;
    else this.#ofSealed.set(request, value);
  }

  get(request: object): V | undefined {
    return (request as Record<symbol, V | undefined>)[this.#key] ?? this.#ofSealed.get(request);
  }
}
