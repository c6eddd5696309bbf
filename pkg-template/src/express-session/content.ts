import type { CookieData } from "./cookie.js";

/** A session's content as JSON. */
export interface Text {
  readonly whole: string;
  /** Without the cookie, which changes with each request: what stands behind it. */
  readonly data: string;
}

/** A cookie at the head of a session, as it stands there unless somebody has put in another. */
const COOKIE = /^\{"cookie":\{(?:"[^"\\]*"|[^"{}\\])*\}/;

/** What an object holds by now. */
export function textOf(session: { cookie?: unknown }): Text {
  const whole = JSON.stringify(session);
  return { whole, data: dataIn(whole, session) };
}

/** The part of an object's own JSON that is not its cookie. */
export function dataIn(whole: string, session: { cookie?: unknown }): string {
  const found = COOKIE.exec(whole);
  if (found !== null) return whole.slice(found[0].length);
  const { cookie: _cookie, ...others } = session;
  const rest = JSON.stringify(others);
  return rest === "{}" ? "}" : `,${rest.slice(1)}`;
}

const LASTING = [
  "originalMaxAge",
  "partitioned",
  "priority",
  "secure",
  "httpOnly",
  "domain",
  "path",
  "sameSite",
] as const satisfies readonly (keyof CookieData)[];

type AnyCookie = { readonly [name in keyof CookieData]?: unknown };

/** Whether a cookie is as it was stored, but for a date that moves with each activity. */
export function isSameCookie(stored: AnyCookie, cookie: AnyCookie): boolean {
  for (const name of LASTING) if ((stored[name] ?? null) !== (cookie[name] ?? null)) return false;
  return typeof cookie.originalMaxAge === "number" || timeOf(stored.expires) === timeOf(cookie.expires);
}

function timeOf(expires: unknown): unknown {
  return expires ? new Date(expires as string).getTime() : null;
}
