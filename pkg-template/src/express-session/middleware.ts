import type { Known } from "../stores/session-objects.js";
import { Cookie, type CookieOptions } from "./cookie.js";
import { checked, ticketsOf, type Secret, type SessionOptions, type Settings } from "./options.js";
import { idOf, isBelow, isSecure } from "./request.js";
import { follow } from "./response.js";
import type { SessionData } from "../express-session.js";
import { Session } from "./session.js";
import type { Tickets } from "./tickets.js";
import { VISIT, Visit } from "./visit.js";

/** The middleware, for Express, Connect and `node:http`. */
export interface SessionMiddleware<Data = Record<string, any>> {
  (request: any, response: any, next: (error?: any) => void): void;
  /** A request's session with the type that `session<Data>(…)` was told; the same as `request.session`. */
  of(request: object): Session & Partial<SessionData> & Partial<Data>;
}

/** What `session` does; told of there. */
export function middleware(options: SessionOptions): SessionMiddleware<any> {
  const settings = checked(options);
  const { name, store, ours, objects, cookieOf, tickets: own } = settings;
  const requestTickets = ticketsOfRequests();
  let isConnected = true;
  (store as Partial<typeof store>).on?.("disconnect", () => (isConnected = false));
  (store as Partial<typeof store>).on?.("connect", () => (isConnected = true));
  store.generate = (request) => generate(settings, request);

  const handle = (request: any, response: any, next: (error?: any) => void): void => {
    const before: Visit | undefined = request[VISIT];
    if (before === undefined ? request.session : !before.isOver) return next();
    // As without sessions, until the store is back.
    if (!isConnected || !isBelow(request, cookieOf(request).path)) return next();
    const tickets = own ?? requestTickets(request.secret);
    if (tickets === undefined) return next(new Error("secret option required for sessions"));

    request.sessionStore = store;
    const id = (request.sessionID = idOf(request, name, tickets));
    const visit = new Visit(settings, request, tickets, id);
    follow(visit, response, next);
    if (!id) {
      visit.generate();
      return next();
    }
    if (ours?.isUnchanged() !== true || objects === undefined) {
      store.get(id, (error: any, content?: any) => {
        if (error && error.code !== "ENOENT") return next(error);
        return proceed(next, () => (error || !content ? visit.generate() : visit.answered(content)));
      });
      return undefined;
    }
    const go = (known: Known | undefined): void =>
      proceed(next, () => (known === undefined ? visit.generate() : visit.found(known)));
    let found;
    try {
      found = objects.find(id);
    } catch (error) {
      return next(error);
    }
    if (!(found instanceof Promise)) return go(found);
    // What comes next may throw, and that is no failure of the storage.
    found.then(
      (known) => queueMicrotask(() => go(known)),
      (error: unknown) => queueMicrotask(() => next(error)),
    );
    return undefined;
  };
  return Object.assign(handle, { of: (request: any) => request.session });
}

function proceed(next: (error?: any) => void, give: () => void): void {
  try {
    give();
  } catch (error) {
    return next(error);
  }
  next();
}

function generate(settings: Settings, request: any): void {
  const { cookieOf, genid, proxy } = settings;
  request.sessionID = genid(request);
  request.session = new Session(request);
  const options: CookieOptions = cookieOf(request);
  const cookie: Cookie = (request.session.cookie = new Cookie(options));
  if (options.secure === "auto") cookie.secure = isSecure(request, proxy);
  if (options.sameSite === "auto") cookie.sameSite = isSecure(request, proxy) ? "none" : "lax";
}

/** By the secret that cookie-parser has put on the request, where the options have none. */
function ticketsOfRequests(): (secret: Secret | undefined) => Tickets | undefined {
  let last: { secret: Secret; tickets: Tickets } | undefined;
  return (secret) => {
    if (!secret) return undefined;
    if (last?.secret !== secret) last = { secret, tickets: ticketsOf(secret) };
    return last.tickets;
  };
}
