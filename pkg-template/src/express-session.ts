/**
 * The session middleware of express-session, with its options, its stores and its cookies; only the import changes.
 *
 * ```js
 * import express from "express";
 * import session from "sessile/express-session";
 *
 * const app = express();
 * app.use(session({ secret: process.env.SECRET, resave: false, saveUninitialized: false }));
 * app.get("/", (req, res) => {
 *   req.session.views = (req.session.views ?? 0) + 1;
 *   res.send(`view ${req.session.views}`);
 * });
 * ```
 *
 * With a storage of sessile as `store` parallel requests are merged and a logout sticks.
 *
 * @module
 */
// The wasm, which comes with it.
import "./index.js";
import {
  Cookie as OurCookie,
  type CookieData as OurCookieData,
  type CookieOptions as OurCookieOptions,
} from "./express-session/cookie.js";
import { MemoryStore as OurMemoryStore, type MemoryStoreOptions } from "./express-session/memory-store.js";
import { middleware, type SessionMiddleware } from "./express-session/middleware.js";
import type { ExpressStore, Secret, SessionOptions as OurOptions } from "./express-session/options.js";
import { Session as OurSession } from "./express-session/session.js";
import { Store as OurStore, type StoreConstructor } from "./express-session/store.js";

/**
 * What a session holds, where an application has declared it as with express-session:
 * `declare module "sessile/express-session" { interface SessionData { views: number } }`.
 */
export interface SessionData {
  cookie: OurCookie;
}

type OurData = SessionData;

/**
 * Makes the middleware. Throws `ERR_SESSION_INVALID_OPTION` for an option that makes no sense.
 *
 * @typeParam Data what the application keeps in a session, for `of`
 *
 * @example
 * ```ts
 * const sessions = session<{ views: number }>({ secret, resave: false, saveUninitialized: false });
 * app.use(sessions);
 * app.get("/", (req, res) => {
 *   const { views = 0 } = sessions.of(req); // a number
 *   sessions.of(req).views = views + 1;
 *   res.send(`view ${views + 1}`);
 * });
 * ```
 */
function session<Data = Record<string, any>>(options?: OurOptions | null): SessionMiddleware<Data> {
  return middleware(options ?? {});
}

namespace session {
  export const Store: StoreConstructor = OurStore;
  export type Store = OurStore;
  export const Cookie = OurCookie;
  export type Cookie = OurCookie;
  export const Session = OurSession;
  export type Session = OurSession;
  export const MemoryStore = OurMemoryStore;
  export type MemoryStore = OurMemoryStore;
  export type SessionOptions = OurOptions;
  export type CookieOptions = OurCookieOptions;
  export type SessionData = OurData;
}

export default session;
// What `require` answers, as that of express-session: the function itself.
export { session as "module.exports" };
export { OurCookie as Cookie, OurMemoryStore as MemoryStore, OurSession as Session, OurStore as Store };
export type {
  ExpressStore,
  MemoryStoreOptions,
  OurCookieData as CookieData,
  OurCookieOptions as CookieOptions,
  OurOptions as SessionOptions,
  Secret,
  SessionMiddleware,
  StoreConstructor,
};
export { session };
