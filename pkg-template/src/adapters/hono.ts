/**
 * Sessions in Hono 4, in every runtime that it runs in.
 *
 * ```ts
 * import { Hono } from "hono";
 * import { SessionStorageMemory, cookie, sessions } from "sessile";
 * import { honoSessions } from "sessile/hono";
 *
 * const app = sessions({ user: cookie<{ visits: number }>("sid", new SessionStorageMemory()) });
 * const server = new Hono().use(honoSessions(app)).get("/", async (c) => {
 *   const { user } = c.get("sessions");
 *   const { visits } = await user.update((found) => ({ visits: (found?.visits ?? 0) + 1 }));
 *   return c.text(`visit ${visits}`);
 * });
 * ```
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { addHeaders, headersOf, withHeaders } from "../sessions/fetch.js";
import type { SentHeader, SessionDefinitions, Sessions } from "../sessions/index.js";
import { CONTENT_HEADERS } from "./content-headers.js";

/**
 * What the middleware adds to a context, `c.get("sessions")` or `c.var.sessions`: for routes in a file of their own, as
 * `new Hono<HonoSessions<typeof app>>()`.
 */
export interface HonoSessions<S extends { of(request: object): unknown }> {
  Variables: { sessions: ReturnType<S["of"]> };
}

/**
 * Middleware for Hono. `app.of(c)` finds the sessions too. What was changed is stored before the response goes out; if that
 * fails, `onError` of the Hono application gets the error, and what the handler answered does not go out.
 *
 * A handler that throws stores nothing, and what `onError` changes is not stored either unless it calls `commit()` itself.
 */
export function honoSessions<D extends SessionDefinitions>(
  app: Sessions<D>,
): MiddlewareHandler<HonoSessions<Sessions<D>>> {
  return async (c, next) => {
    // In an application that is mounted in another, which has them already.
    if (app.isOpen(c)) return next();
    const held = app.open(c, headersOf(c.req.raw));
    c.set("sessions", held.sessions);
    await next();
    let sent: readonly SentHeader[];
    if (c.error !== undefined || !held.isUsed) {
      sent = held.seal();
    } else {
      try {
        sent = await held.commit();
      } catch (error) {
        const told = held.seal();
        const { body, headers } = c.res;
        // Nobody will read it.
        body?.cancel().catch(() => {});
        // Hono sets them on the answer to the error.
        const others = new Headers(headers);
        for (const name of CONTENT_HEADERS) others.delete(name);
        // Another session of this request may have got a new id, and be lost without it.
        addHeaders(others, told);
        replace(c, new Response(null, { headers: others }));
        throw error;
      }
    }
    if (sent.length === 0) return;
    const response = withHeaders(c.res, sent);
    if (response !== c.res) replace(c, response);
  };
}

function replace(c: { res: unknown }, response: Response): void {
  // Or the headers of the old one would be set on top of those of the new one.
  c.res = undefined;
  c.res = response;
}
