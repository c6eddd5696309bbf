/**
 * Sessions for h3 (version 2), and so for Nitro (version 3).
 *
 * ```js
 * import { H3 } from "h3";
 * import { SessionStorageMemory, cookie, sessions } from "sessile";
 * import { h3Sessions } from "sessile/h3";
 *
 * const app = sessions({ user: cookie("user", new SessionStorageMemory()) });
 * const server = new H3()
 *   .use(h3Sessions(app))
 *   .get("/", async (event) => {
 *     const { visits } = await app.of(event).user.update((user) => ({ visits: (user?.visits ?? 0) + 1 }));
 *     return `visit ${visits}`;
 *   });
 * ```
 *
 * @module
 */
import { addHeaders, committed, headersOf } from "../sessions/fetch.js";
import type { OpenSessions, SessionDefinitions, Sessions } from "../sessions/index.js";

/** What is used of h3's `H3Event`. */
export interface H3SessionsEvent {
  readonly req: Request;
  readonly res: { readonly headers: Headers; readonly errHeaders?: Headers };
}

/** A middleware of h3. */
export type H3SessionsMiddleware = (event: H3SessionsEvent, next: () => unknown) => Promise<unknown>;

/** What h3's handlers answer where there is no route, and where Node's response was written to. */
const NOT_FOUND = Symbol.for("h3.notFound");
const HANDLED = Symbol.for("h3.handled");

/**
 * Middleware for h3: `app.of(event)` has the sessions in what is used or routed after it. What was changed is stored before
 * the response goes out; if that fails, h3 gets the `SessionError` as an error of the handler. An error, also one that is
 * returned or h3's own 404, stores nothing. In Nitro it is the default export of a file in `middleware/`.
 */
export function h3Sessions<D extends SessionDefinitions>(app: Sessions<D>): H3SessionsMiddleware {
  return async (event, next) => {
    // In an application that is mounted in another, which has them already.
    if (app.isOpen(event)) return next();
    const held = app.open(event, headersOf(event.req));
    let answer;
    try {
      answer = await next();
    } catch (error) {
      tellOf(held, event);
      throw error;
    }
    if (answer instanceof Response) return committed(held, answer);
    if (answer === NOT_FOUND || answer instanceof Error) tellOf(held, event);
    else await commit(held, event, answer);
    return answer;
  };
}

/** What was stored or ended before an error. */
function tellOf(held: OpenSessions<any>, { res }: H3SessionsEvent): void {
  const sent = held.seal();
  // The h3 that came with the first Nitro 3 has none.
  if (res.errHeaders !== undefined) addHeaders(res.errHeaders, sent);
}

/** Stores what was changed before h3 makes a response of what a handler answered. */
async function commit(held: OpenSessions<any>, event: H3SessionsEvent, answer: unknown): Promise<void> {
  // Its headers are gone.
  if (answer === HANDLED) held.seal();
  let sent;
  try {
    sent = await held.commit();
  } catch (error) {
    // Nobody will read it.
    const body = (answer as { body?: unknown } | null | undefined)?.body ?? answer;
    if (body instanceof ReadableStream) body.cancel().catch(() => {});
    tellOf(held, event);
    throw error;
  }
  if (sent.length === 0 || answer === HANDLED) return;
  const { headers } = event.res;
  // h3 lets these headers replace the answer's own.
  const own = (answer as { headers?: unknown } | null | undefined)?.headers;
  const caching = own instanceof Headers ? own.get("cache-control") : null;
  if (caching !== null && !headers.has("cache-control")) headers.set("cache-control", caching);
  addHeaders(headers, sent);
}
