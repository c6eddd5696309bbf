import type { Tickets } from "./tickets.js";
import { escapedCookieValue } from "../sessions/cookie-header.js";

/** Whether the client came by https, so far as the server knows; `proxy` is the option of that name. */
export function isSecure(request: any, proxy: boolean | undefined): boolean {
  if (request.socket?.encrypted || request.connection?.encrypted) return true;
  if (proxy === false) return false;
  // What Express makes of a proxy that it is told to trust.
  if (proxy !== true) return request.secure === true;
  const [first = ""] = String(request.headers["x-forwarded-proto"] ?? "").split(",", 1);
  return first.trim().toLowerCase() === "https";
}

/** Whether a request is for a path that the cookie is sent to. */
export function isBelow(request: any, path: string | undefined): boolean {
  const url = String(request.originalUrl || request.url || "/");
  if ((path || "/") === "/" && url.startsWith("/")) return true;
  return pathOf(url).startsWith(path || "/");
}

function pathOf(url: string): string {
  // What comes behind a path cannot make it another's.
  if (url.startsWith("/")) return url;
  return URL.canParse(url) ? new URL(url).pathname : url;
}

/** The id that the request's cookie brings, if one of our secrets has signed it; or what cookie-parser has made of one. */
export function idOf(request: any, name: string, tickets: Tickets): string | undefined {
  const header: unknown = request.headers.cookie;
  const sent = typeof header === "string" ? escapedCookieValue(header, name) : undefined;
  return (
    (sent && tickets.idIn(sent)) ||
    (request.signedCookies?.[name] as string | undefined) ||
    tickets.verified(request.cookies?.[name])
  );
}
