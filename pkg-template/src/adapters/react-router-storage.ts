import { toMillis } from "../duration.js";
import { invalid } from "../options.js";
import type { SecretList } from "../secrets.js";
import { checkCookie, setCookie, type CookieAttributes } from "../sessions/cookie-header.js";
import { cookie } from "../sessions/define.js";
import type { StoredDefinition } from "../sessions/definition.js";
import type { SessionOptions } from "../sessions/index.js";
import { merge } from "../sessions/merge.js";
import { RequestSession } from "../sessions/request-session.js";
import type { SessionStorage } from "../types.js";

/** What a session holds where nobody says. */
export interface RouterSessionData {
  [name: string]: any;
}

/** What is stored: beside the data, what waits for its first `get`. */
export type FlashSessionData<Data, FlashData> = Partial<
  Data & { [Key in keyof FlashData as `__flash_${Key & string}__`]: FlashData[Key] }
>;

/** The `Session` of React Router. */
export interface RouterSession<Data = RouterSessionData, FlashData = Data> {
  /** Empty until it is stored. A secret: who has it, has the session. */
  readonly id: string;
  /** All that it holds, also what waits for its first `get`. */
  readonly data: FlashSessionData<Data, FlashData>;
  has(name: (keyof Data | keyof FlashData) & string): boolean;
  get<Key extends (keyof Data | keyof FlashData) & string>(
    name: Key,
  ):
    | (Key extends keyof Data ? Data[Key] : undefined)
    | (Key extends keyof FlashData ? FlashData[Key] : undefined)
    | undefined;
  set<Key extends keyof Data & string>(name: Key, value: Data[Key]): void;
  /** Sets a value that is there until it is got once. */
  flash<Key extends keyof FlashData & string>(name: Key, value: FlashData[Key]): void;
  unset(name: keyof Data & string): void;
}

/** How a cookie is sent, in the words of React Router: its times are in seconds. */
export interface RouterCookieAttributes {
  /** Default: the host that sets it, and no other. */
  domain?: string | undefined;
  /** Default: `"/"`. */
  path?: string | undefined;
  /** `true` is `"strict"`. Default: `"lax"`. */
  sameSite?: boolean | "lax" | "strict" | "none" | undefined;
  /** Default: true. */
  httpOnly?: boolean | undefined;
  /** Default: true, since a `Cookie` header does not tell whether it came by https. */
  secure?: boolean | undefined;
  /** Default: false. */
  partitioned?: boolean | undefined;
  /**
   * How many **seconds** a browser keeps the cookie, and the storage the session after its last commit, unless
   * `idleTimeout` is given. Default: until the browser is closed, and as the storage says.
   */
  maxAge?: number | undefined;
  /** The same as a moment, for one commit. `maxAge` goes before it. */
  expires?: Date | undefined;
}

/** The `cookie` of React Router's session storages. */
export interface RouterCookieOptions extends Omit<RouterCookieAttributes, "expires"> {
  /** Default: `"__session"`. */
  name?: string | undefined;
  /** As those of `cookie`: newest first, the first signs, all verify. Default: ids are not signed. */
  secrets?: SecretList | undefined;
}

/** The options of {@link createSessionStorage}. */
export interface RouterSessionOptions<Data> extends Omit<
  SessionOptions<Data>,
  "secrets" | "rolling" | "touchAfter"
> {
  storage: SessionStorage;
  cookie?: RouterCookieOptions | undefined;
}

/** What a commit may say. */
export interface RouterCommitOptions extends RouterCookieAttributes {
  /** Gives the session a new id; the old one is dead then. Do so when somebody logs in. Default: false. */
  regenerate?: boolean | undefined;
}

/** The `SessionStorage` of React Router. */
export interface RouterSessionStorage<Data = RouterSessionData, FlashData = Data> {
  /** The session of a `Cookie` header; one without data and id where there is none. */
  getSession: (cookieHeader?: string | null) => Promise<RouterSession<Data, FlashData>>;
  /**
   * Stores what was changed, and counts as activity; answers the `Set-Cookie` header. A session that was ended meanwhile is
   * not stored, and the header takes the cookie away; so does that of a session that is new and holds nothing.
   */
  commitSession: (session: RouterSession<Data, FlashData>, options?: RouterCommitOptions) => Promise<string>;
  /** Ends the session for good; answers the `Set-Cookie` header that takes the cookie away. */
  destroySession: (
    session: RouterSession<Data, FlashData>,
    options?: RouterCookieAttributes,
  ) => Promise<string>;
}

/**
 * React Router's `createSessionStorage` with a storage of this package, for applications that get and commit sessions
 * themselves. Parallel commits of one session are merged by key, a destroyed session never comes back, and an id that is
 * unknown is never adopted. A value is JSON, as of any session here.
 *
 * Throws `ERR_SESSION_INVALID_OPTION` for what a browser would drop, or makes no sense.
 *
 * @example
 * ```js
 * import { SessionStorageMemory } from "sessile";
 * import { createSessionStorage } from "sessile/react-router";
 *
 * export const { getSession, commitSession, destroySession } = createSessionStorage({
 *   cookie: { name: "__session", secrets: [process.env.SECRET], maxAge: 3600 },
 *   storage: new SessionStorageMemory(),
 * });
 * ```
 */
export function createSessionStorage<Data = RouterSessionData, FlashData = Data>(
  options: RouterSessionOptions<FlashSessionData<Data, FlashData>>,
): RouterSessionStorage<Data, FlashData> {
  const { storage, cookie: given = {}, ...rest } = options;
  if (typeof (given as { serialize?: unknown }).serialize === "function") {
    throw invalid("cookie must be the options of a cookie: what createCookie made does not tell its secrets");
  }
  const { name = "__session", secrets, ...base } = given;
  const attributesOf = (more: RouterCookieAttributes = {}): CookieAttributes => {
    const { secure = true, sameSite = "lax", ...others } = { ...base, ...more };
    return checkCookie(name, {
      ...(others as Partial<CookieAttributes>),
      secure,
      sameSite: (sameSite === true ? "strict" : sameSite) as CookieAttributes["sameSite"],
    });
  };
  const definition = cookie<Stored>(name, storage, {
    ...(rest as SessionOptions<Stored>),
    ...attributesOf(),
    secrets,
  }) as StoredDefinition<Stored>;
  secondsOf(base, definition.clock);

  const requests = new WeakMap<object, LoadedSession>();
  const loaded = (session: object): LoadedSession => {
    const found = requests.get(session);
    if (found === undefined) throw invalid("the session must be one that getSession of this storage gave");
    return found;
  };
  const take = (more: RouterCookieAttributes | undefined): string =>
    setCookie(name, "", attributesOf(more), 0, false);
  const destroySession = async (session: object, more?: RouterCookieAttributes): Promise<string> => {
    const header = take(more);
    await loaded(session).clear();
    return header;
  };

  return {
    async getSession(cookieHeader) {
      const header = cookieHeader ?? undefined;
      const request = { header: (name: string) => (name === "cookie" ? header : undefined), isHttps: false };
      const found = new LoadedSession(new RequestSession(definition, request));
      const session = await found.load();
      requests.set(session, found);
      return session as RouterSession<any, any>;
    },

    async commitSession(session, more) {
      const attributes = attributesOf(more);
      const isTimed = more !== undefined && ("maxAge" in more || "expires" in more);
      const seconds = secondsOf(isTimed ? more : base, definition.clock);
      if (seconds !== undefined && seconds <= 0) return destroySession(session, more);
      const limits = rest.idleTimeout === undefined && seconds !== undefined;
      const id = await loaded(session).commit(more?.regenerate === true, limits ? seconds * 1000 : undefined);
      return id === undefined
        ? take(more)
        : setCookie(name, definition.ticketOf(id), attributes, seconds, false);
    },

    destroySession,
  };
}

type Stored = Record<string, unknown>;

/** Until when a cookie is kept, in seconds from now. */
function secondsOf({ maxAge, expires }: RouterCookieAttributes, clock: () => number): number | undefined {
  if (maxAge === undefined && expires === undefined) return undefined;
  const seconds = maxAge ?? (Number(expires) - clock()) / 1000;
  if (seconds > 0) toMillis(seconds * 1000, maxAge === undefined ? "expires" : "maxAge, in seconds,");
  else if (Number.isNaN(seconds))
    throw invalid("maxAge must be a number of seconds, and expires a valid Date");
  return Math.ceil(seconds);
}

/** A session as React Router's code has it, and the request's session that it stands for. */
class LoadedSession {
  readonly #session: RequestSession<Stored>;
  #data = new Map<string, unknown>();
  #ended = false;

  constructor(session: RequestSession<Stored>) {
    this.#session = session;
  }

  async load(): Promise<RouterSession> {
    this.#data = new Map(Object.entries((await this.#session.get()) ?? {}));
    const session = this.#session;
    const data = (): Map<string, unknown> => this.#data;
    return {
      get id() {
        return session.id ?? "";
      },
      get data() {
        return Object.fromEntries(data());
      },
      has: (name) => data().has(name) || data().has(flashed(name)),
      get(name: string): any {
        if (data().has(name)) return data().get(name);
        const value = data().get(flashed(name));
        data().delete(flashed(name));
        return value;
      },
      set: (name, value) => void data().set(name, value),
      flash: (name, value) => void data().set(flashed(name), value),
      unset: (name) => void data().delete(name),
    };
  }

  /** Stores what was changed; answers the id, or none where there is nothing stored. */
  async commit(regenerate: boolean, idleTimeout: number | undefined): Promise<string | undefined> {
    const session = this.#session;
    if (this.#ended || (session.isNew && this.#data.size === 0)) return undefined;
    const committed = Object.fromEntries(this.#data);
    await session.set(committed);
    if (regenerate) await session.regenerate();
    if (idleTimeout !== undefined) session.expireAfter(idleTimeout);
    await session.touch();
    this.#ended = (await session.commit()) === "ended";
    if (this.#ended) return undefined;
    // What others have stored meanwhile, and what was set while this one waited.
    const stored = await session.get();
    this.#data = new Map(Object.entries(merge(committed, Object.fromEntries(this.#data), stored) as Stored));
    return session.id;
  }

  async clear(): Promise<void> {
    await this.#session.clear();
    this.#ended = false;
    this.#data = new Map();
  }
}

/** Under this name React Router keeps what waits for its first `get`. */
function flashed(name: string): string {
  return `__flash_${name}__`;
}
