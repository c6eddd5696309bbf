/**
 * Sessions for React Router (version 8) on the server: the middleware of its framework and data modes, and
 * {@link createSessionStorage} in place of its own.
 *
 * ```js
 * // app/sessions.server.js
 * import { SessionStorageMemory, cookie, sessions } from "sessile";
 * import { sessionsMiddleware } from "sessile/react-router";
 *
 * export const app = sessions({ user: cookie("user", new SessionStorageMemory()) });
 * export const withSessions = sessionsMiddleware(app);
 * ```
 *
 * ```js
 * // app/root.jsx
 * export const middleware = [withSessions];
 *
 * export async function loader({ context }) {
 *   const { user } = context.get(withSessions.context);
 *   return { user: await user.get() };
 * }
 * ```
 *
 * @module
 */
import { committedUnlessFailed, headersOf } from "../sessions/fetch.js";
import type { SessionDefinitions, Sessions, SessionsOf } from "../sessions/index.js";

export {
  createSessionStorage,
  type FlashSessionData,
  type RouterCommitOptions,
  type RouterCookieOptions,
  type RouterSession,
  type RouterSessionData,
  type RouterSessionOptions,
  type RouterSessionStorage,
} from "./react-router-storage.js";

/** What React Router makes by `createContext`. */
export interface RouterContext<T> {
  defaultValue?: T;
}

/** What is used of what React Router gives a middleware. */
export interface RouterMiddlewareArgs {
  readonly request: Request;
  readonly context: { set<T>(context: RouterContext<T>, value: T): void };
}

/** A middleware of React Router, and by what its sessions are found in the `context` of whatever comes after it. */
export interface SessionsMiddleware<D extends SessionDefinitions> {
  (args: RouterMiddlewareArgs, next: () => Promise<any>): Promise<Response>;
  /** For `context.get` in other middleware, loaders and actions. */
  readonly context: RouterContext<SessionsOf<D>>;
}

/**
 * Middleware for the root route. `context.get(middleware.context)` has the sessions, with their types; so has
 * `app.of(context)`. What was changed is stored before the response goes out, redirects included; if that fails, React
 * Router gets the `SessionError` as an error of the route, for its `handleError` and `ErrorBoundary`. A response of 500 or more, which is
 * what React Router makes of an error that nobody expected, stores nothing.
 */
export function sessionsMiddleware<D extends SessionDefinitions>(app: Sessions<D>): SessionsMiddleware<D> {
  const sessionsContext: RouterContext<SessionsOf<D>> = {};
  const middleware = async (
    { request, context }: RouterMiddlewareArgs,
    next: () => Promise<any>,
  ): Promise<Response> => {
    // In a route below one that has them already.
    if (app.isOpen(context)) return (await next()) as Response;
    const held = app.open(context, headersOf(request));
    context.set(sessionsContext, held.sessions);
    return committedUnlessFailed(held, (await next()) as Response);
  };
  return Object.assign(middleware, { context: sessionsContext });
}
