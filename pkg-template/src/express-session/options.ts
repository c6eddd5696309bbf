import { SessionObjects } from "../stores/session-objects.js";
import { ourStore, storeOver, type OurStore } from "../stores/express-session.js";
import type { SessionStoreOptions } from "../stores/session-store.js";
import { invalid } from "../options.js";
import { checkDelegate } from "../delegate.js";
import { generateSessionId } from "../id.js";
import { Signer } from "../ticket.js";
import type { SessionStorage } from "../types.js";
import type { CookieOptions } from "./cookie.js";
import { MemoryStore } from "./memory-store.js";
import { Store } from "./store.js";
import { Tickets } from "./tickets.js";

/** A secret as `node:crypto` takes it: a text, bytes, or a `KeyObject`. */
export type Secret = string | Uint8Array | { export(): unknown };

/** A store as those of express-session are: three methods, and the events `connect` and `disconnect` where it has any. */
export interface ExpressStore {
  get(id: string, callback: (error: any, session?: any) => void): any;
  set(id: string, session: any, callback?: (error?: any) => void): any;
  destroy(id: string, callback?: (error?: any) => void): any;
  touch?(id: string, session: any, callback?: (error?: any) => void): any;
}

/** The options of express-session, and three more. */
export interface SessionOptions {
  /** How the cookie is sent, or what says so for a request. Default: `{ path: "/", httpOnly: true, secure: false, maxAge: null }`. */
  cookie?: CookieOptions | ((request: any) => CookieOptions) | undefined;
  /** Makes a new id. Default: 256 random bits. */
  genid?: ((request: any) => string) | undefined;
  /** The cookie's name. Default: `connect.sid`. */
  name?: string | undefined;
  /** @deprecated the former word for `name` */
  key?: string | undefined;
  /** Whether `X-Forwarded-Proto` is believed; left out, Express knows by its `trust proxy`. */
  proxy?: boolean | undefined;
  /** Whether a session that was not changed is saved again. Default: true; over a storage of sessile that is a touch. */
  resave?: boolean | undefined;
  /** Whether the cookie is sent with each response, so that its age begins anew. Default: false. */
  rolling?: boolean | undefined;
  /** Whether a new session that holds nothing is saved, and its cookie sent. Default: true. */
  saveUninitialized?: boolean | undefined;
  /** Signs the cookie; of several the first signs, and all are accepted. */
  secret?: Secret | readonly Secret[] | undefined;
  /** A store of express-session or any storage of sessile. Default: a `MemoryStore`. */
  store?: ExpressStore | SessionStorage | undefined;
  /** Whether a session is destroyed whose request has deleted `req.session`. Default: `"keep"`. */
  unset?: "destroy" | "keep" | undefined;
  /** What a storage of sessile as `store` is told: tags, timeouts, conflicts. */
  storeOptions?: SessionStoreOptions | undefined;
  /**
   * `"strict"`: also over a storage of sessile the last of two parallel requests wins, and one that ends after a logout brings the
   * session back, as with express-session. Default: `"safe"`.
   */
  compat?: "safe" | "strict" | undefined;
}

/** The options, all checked. */
export interface Settings {
  readonly name: string;
  readonly store: Store;
  /** The store as a storage of ours that is asked directly. */
  readonly ours: OurStore | undefined;
  readonly objects: SessionObjects | undefined;
  /** Makes a session of what the store has answered. */
  readonly createSession: (request: any, content: any) => any;
  readonly cookieOf: (request: any) => CookieOptions;
  readonly genid: (request: any) => string;
  readonly proxy: boolean | undefined;
  readonly resave: boolean;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly unsetDestroys: boolean;
  readonly tickets: Tickets | undefined;
}

export function checked(options: SessionOptions): Settings {
  if (typeof options !== "object") throw invalid("the options must be an object");
  const { cookie = {}, genid = generateSessionId, proxy, rolling, unset, secret, compat } = options;
  const { resave = true, saveUninitialized = true } = options;
  if (typeof genid !== "function") throw invalid("the genid option must be a function");
  if (unset && unset !== "destroy" && unset !== "keep") {
    throw invalid('the unset option must be "destroy" or "keep"');
  }
  if (compat !== undefined && compat !== "safe" && compat !== "strict") {
    throw invalid('the compat option must be "safe" or "strict"');
  }
  const isStrict = compat === "strict";
  const store = storeOf(options);
  const ours = isStrict ? undefined : ourStore(store);
  return {
    name: options.name || options.key || "connect.sid",
    store,
    ours,
    objects: ours?.core.objects,
    createSession: creatorOf(store, isStrict),
    cookieOf: typeof cookie === "function" ? cookie : () => cookie,
    genid,
    proxy,
    resave: Boolean(resave),
    rolling: Boolean(rolling),
    saveUninitialized: Boolean(saveUninitialized),
    unsetDestroys: unset === "destroy",
    tickets: secret ? ticketsOf(secret) : undefined,
  };
}

/** Throws `ERR_SESSION_INVALID_OPTION` for no secret, and an empty one. */
export function ticketsOf(secret: Secret | readonly Secret[]): Tickets {
  const secrets: readonly Secret[] = Array.isArray(secret) ? (secret as Secret[]) : [secret as Secret];
  if (secrets.length === 0) throw invalid("the secret option array must contain one or more secrets");
  return new Tickets(new Signer(secrets.map((one) => keyOf(one) as string | Uint8Array)));
}

function keyOf(secret: Secret): unknown {
  return typeof secret === "object" && "export" in secret ? secret.export() : secret;
}

function storeOf({ store, storeOptions }: SessionOptions): Store {
  if (store === undefined || store === null) return new MemoryStore(storeOptions);
  const { get, set, destroy } = store as Partial<ExpressStore>;
  if ([get, set, destroy].every((method) => typeof method === "function")) {
    if (storeOptions !== undefined) throw invalid("storeOptions are for a storage of sessile");
    return store as Store;
  }
  return new (storeOver(Store))(checkDelegate(store), storeOptions) as unknown as Store;
}

/** A store's own way to make a session, where it has replaced that of the class that stores extend; else ours. */
function creatorOf(store: Store, isStrict: boolean): Settings["createSession"] {
  const owner = ownerOf(store, "createSession");
  const isReplaced =
    owner !== undefined && ownerOf(Object.getPrototypeOf(owner) as object, "createSession") !== undefined;
  if (isReplaced && !(isStrict && ourStore(store) !== undefined)) {
    return (request, content) => store.createSession(request, content);
  }
  return Store.prototype.createSession.bind(store);
}

/** Which object of a chain of prototypes has a property. */
function ownerOf(object: object | null, name: string): object | undefined {
  for (let link = object; link !== null; link = Object.getPrototypeOf(link) as object | null) {
    if (Object.hasOwn(link, name)) return link;
  }
  return undefined;
}
