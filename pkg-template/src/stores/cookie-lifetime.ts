import { timeoutNumber } from "../options.js";
import type { Duration } from "../types.js";
import type { Lifetime, SessionContent } from "./session-objects.js";

/** A session's cookie as express-session and @fastify/session keep it with the content. */
interface CookieContent {
  originalMaxAge?: unknown;
  expires?: unknown;
  originalExpires?: unknown;
}

/** Lifetimes as a session's cookie tells them: by its age, else by its date; a cookie that has neither leaves it to us. */
export function cookieLifetime(otherwise: Duration | null, clock: () => number): Lifetime {
  const number = timeoutNumber(otherwise, "idleTimeout");
  const fallback = number === Infinity ? null : number;
  return {
    idleTimeout(session) {
      const { originalMaxAge, expires } = cookieOf(session);
      if (typeof originalMaxAge === "number") return originalMaxAge;
      const date = dateOf(expires);
      return Number.isNaN(date) ? fallback : date - clock();
    },
    slides(session) {
      const { originalMaxAge, expires } = cookieOf(session);
      return typeof originalMaxAge === "number" || Number.isNaN(dateOf(expires));
    },
    lasting(session) {
      const cookie = cookieOf(session);
      if (typeof cookie.originalMaxAge !== "number") return session;
      const { expires: _expires, originalExpires: _originalExpires, ...lasting } = cookie;
      return { ...session, cookie: lasting };
    },
    touched: (base, { cookie }) => ({ ...base, cookie }),
    refresh(session, expiresAt) {
      const cookie = (session["cookie"] = cookieOf(session));
      if (typeof cookie.originalMaxAge === "number" && expiresAt !== undefined) {
        cookie.expires = new Date(expiresAt).toISOString();
      }
    },
  };
}

/** Of a content that was loaded, or of an object that a request holds; NaN for no date. */
function dateOf(expires: unknown): number {
  if (expires instanceof Date) return expires.getTime();
  return typeof expires === "string" ? Date.parse(expires) : NaN;
}

function cookieOf(session: SessionContent): CookieContent {
  const { cookie } = session;
  return typeof cookie === "object" && cookie !== null ? cookie : {};
}
