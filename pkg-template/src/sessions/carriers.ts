import { toMillis } from "../duration.js";
import { invalid } from "../options.js";
import { checkCookie, checkToken, cookieValue, furtherCookieValues, setCookie } from "./cookie-header.js";
import type { CookieAttributesOptions } from "./options.js";

/** How the client holds an id. */
export interface Carrier {
  /** Two sessions of one key would take each other for their own. */
  readonly key: string;
  read(headers: RequestHeaders): string | undefined;
  /** What else came where `read` has found something, in the order in which it came. */
  others(headers: RequestHeaders): Iterable<string>;
  /** The header that gives the client a ticket for so many milliseconds, or takes it away. */
  give(ticket: string, lifetime: number | undefined, headers: RequestHeaders): SentHeader;
  take(headers: RequestHeaders): SentHeader;
}

/** A request as far as a session needs it. */
export interface RequestHeaders {
  /** The value of a header, by its name in lower case; of one that came several times, as a `Headers` would give it. */
  header(name: string): string | undefined;
  /** Whether the client came by https, so far as the server itself knows. */
  readonly isHttps: boolean;
}

/** A header for the response. One of `set-cookie` goes beside those that are there. */
export type SentHeader = readonly [name: "set-cookie" | (string & {}), value: string];

/** A cookie by RFC 6265bis. */
export function cookieCarrier(name: string, options: CookieAttributesOptions): Carrier {
  const attributes = checkCookie(name, options as Parameters<typeof checkCookie>[1]);
  const { maxAge, trustProxy = false } = options;
  if (typeof trustProxy !== "boolean") throw invalid("trustProxy must be true or false");
  const fixed = maxAge == null ? maxAge : toMillis(maxAge, "maxAge");
  const isHttps = (request: RequestHeaders): boolean => {
    const forwarded = trustProxy ? request.header("x-forwarded-proto") : undefined;
    return forwarded === undefined ? request.isHttps : /^\s*https\s*(?:,|$)/i.test(forwarded);
  };
  return {
    key: `cookie ${name}`,
    read: (request) => cookieValue(request.header("cookie") ?? "", name),
    others: (request) => furtherCookieValues(request.header("cookie") ?? "", name),
    give: (ticket, lifetime, request) => {
      const age = fixed === undefined ? lifetime : (fixed ?? undefined);
      const seconds = age === undefined ? undefined : Math.max(1, Math.ceil(age / 1000));
      return ["set-cookie", setCookie(name, ticket, attributes, seconds, isHttps(request))];
    },
    take: (request) => ["set-cookie", setCookie(name, "", attributes, 0, isHttps(request))],
  };
}

/** A header that both sides send, for clients without cookies. */
export function headerCarrier(name: string): Carrier {
  checkToken(name, "a header's name");
  const lower = name.toLowerCase();
  if (["cookie", "set-cookie", "host", "content-length"].includes(lower)) {
    throw invalid("a header that carries a session needs a name of its own");
  }
  return {
    key: `header ${lower}`,
    read: (request) => request.header(lower) || undefined,
    others: () => [],
    give: (ticket) => {
      if (!/^[\x21-\x7e]+$/.test(ticket)) throw invalid("an id for a header must be visible ASCII");
      return [name, ticket];
    },
    take: () => [name, ""],
  };
}
