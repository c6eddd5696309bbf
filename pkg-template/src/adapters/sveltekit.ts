/**
 * Sessions for SvelteKit (version 3).
 *
 * ```js
 * // src/hooks.server.js
 * import { svelteKitSessions } from "sessile/sveltekit";
 * import { app } from "#lib/server/sessions.js";
 *
 * export const handle = svelteKitSessions(app);
 * ```
 *
 * ```js
 * // src/routes/+page.server.js
 * export async function load({ locals }) {
 *   return { user: await locals.sessions.user.get() };
 * }
 * ```
 *
 * In TypeScript, `App.Locals` is told of them in `src/app.d.ts`:
 *
 * ```ts
 * declare global {
 *   namespace App {
 *     interface Locals {
 *       sessions: ReturnType<typeof import("#lib/server/sessions.js").app.of>;
 *     }
 *   }
 * }
 * export {};
 * ```
 *
 * @module
 */
import type { SentHeader } from "../sessions/carriers.js";
import { PRIVATE, committedUnlessFailed, headersOf } from "../sessions/fetch.js";
import type { SessionDefinitions, Sessions } from "../sessions/index.js";

/** What is used of SvelteKit's `RequestEvent`. */
export interface SvelteKitEvent {
  readonly request: Request;
  readonly locals: object;
  readonly cookies: {
    parse(header: string): SvelteKitCookie | undefined;
    set(name: string, value: string, options: any): void;
  };
}

/** What is used of a cookie as SvelteKit parses it. */
export interface SvelteKitCookie {
  readonly name: string;
  readonly value?: string | undefined;
}

/** A `handle` of SvelteKit. */
export type SvelteKitHandle = <Event extends SvelteKitEvent>(input: {
  event: Event;
  resolve: (event: Event) => Response | PromiseLike<Response>;
}) => Promise<Response>;

/**
 * A `handle` for `src/hooks.server.js`, alone or in a `sequence`: `event.locals.sessions` has the sessions in hooks that come
 * after it, `load` functions, actions and endpoints; `app.of(event.locals)` has them with their types. What was changed is
 * stored before the response goes out, redirects included; if that fails, `handleError` gets the `SessionError`. A response of
 * 500 or more, which is what SvelteKit makes of an error that nobody expected, stores nothing.
 */
export function svelteKitSessions<D extends SessionDefinitions>(app: Sessions<D>): SvelteKitHandle {
  // The names of the cookies that were sent, to know those that a page has from an endpoint, by `event.fetch`.
  const names = new Set<string>();
  return async ({ event, resolve }) => {
    // SvelteKit makes copies of the event; all of them have these locals.
    const { locals } = event;
    // In a sequence that has them already.
    if (app.isOpen(locals)) return resolve(event);
    const held = app.open(locals, headersOf(event.request));
    Object.assign(locals, { sessions: held.sessions });
    let response;
    try {
      response = await resolve(event);
    } catch (error) {
      if (isRedirect(error)) setCookies(event, await held.commit());
      throw error;
    }
    const others = response.headers.getSetCookie().map(nameOf);
    response = await committedUnlessFailed(held, response);
    const sent = response.headers.getSetCookie().slice(others.length);
    for (const line of sent) names.add(nameOf(line));
    const passesOn = others.some((name) => names.has(name));
    if (passesOn && !response.headers.has("cache-control")) response.headers.set("cache-control", PRIVATE);
    return response;
  };
}

function nameOf(cookie: string): string {
  return cookie.slice(0, cookie.indexOf("="));
}

/** Whether it is what `redirect` throws; from a hook it comes as it is. */
function isRedirect(thrown: unknown): boolean {
  const { status, location } = (thrown ?? {}) as { status?: unknown; location?: unknown };
  return typeof status === "number" && status >= 300 && status <= 308 && typeof location === "string";
}

/** SvelteKit makes the response of a redirect itself, with the cookies of the event, and no header of a session. */
function setCookies({ cookies }: SvelteKitEvent, sent: readonly SentHeader[]): void {
  for (const [header, line] of sent) {
    const cookie = header === "set-cookie" ? cookies.parse(line) : undefined;
    if (cookie === undefined) continue;
    const { name, value = "", ...attributes } = cookie;
    // SvelteKit would have them both true.
    cookies.set(name, value, { secure: false, httpOnly: false, ...attributes });
  }
}
