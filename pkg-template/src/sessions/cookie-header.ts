import { invalid } from "../options.js";

/** RFC 6265bis, 5.6: browsers drop a longer attribute. */
const LONGEST_ATTRIBUTE = 1024;

/** A token of RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** How a cookie is sent, all checked. */
export interface CookieAttributes {
  readonly domain: string | undefined;
  readonly path: string;
  readonly sameSite: "lax" | "strict" | "none";
  readonly httpOnly: boolean;
  readonly partitioned: boolean;
  readonly secure: boolean | "auto";
}

/**
 * The value of the first cookie of this name in a `Cookie` header: a browser sends the one with the longest path first.
 * What is no valid percent-encoding stays as it is.
 */
export function cookieValue(header: string, name: string): string | undefined {
  const escaped = escapedCookieValue(header, name);
  return escaped === undefined ? undefined : unescaped(escaped);
}

/** The same as it was sent. */
export function escapedCookieValue(header: string, name: string): string | undefined {
  const found = findCookie(header, name, 0);
  return found && part(header, found.from, found.to);
}

/** So many cookies of one name are looked at: whoever sends more wants to keep the server busy. */
const MOST_OF_ONE_NAME = 16;

/** The values of further cookies of this name. */
export function* furtherCookieValues(header: string, name: string): Generator<string> {
  let found = findCookie(header, name, 0);
  for (let count = 1; found !== undefined && count < MOST_OF_ONE_NAME; count += 1) {
    found = findCookie(header, name, found.to + 1);
    if (found !== undefined) yield unescaped(part(header, found.from, found.to));
  }
}

/** Where the value of the first cookie of this name stands, from a place in the header on. */
function findCookie(header: string, name: string, at: number): { from: number; to: number } | undefined {
  let start = at;
  while (start < header.length) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    const equals = header.indexOf("=", start);
    if (equals !== -1 && equals < end && part(header, start, equals) === name) {
      return { from: equals + 1, to: end };
    }
    start = end + 1;
  }
  return undefined;
}

/**
 * A part of a header without the spaces and tabs around it. Any other white space belongs to it: a page of a neighbouring host
 * can set a cookie of such a name, also where the name without it has a prefix that protects it (`__Host-`).
 */
function part(header: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(header.charCodeAt(start))) start += 1;
  while (end > start && isBlank(header.charCodeAt(end - 1))) end -= 1;
  return header.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

export function unescaped(value: string): string {
  const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
  const bare = quoted ? value.slice(1, -1) : value;
  if (!bare.includes("%")) return bare;
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}

/** A `Set-Cookie` header. A `maxAge` of 0 seconds removes the cookie; without one it goes when the browser is closed. */
export function setCookie(
  name: string,
  value: string,
  attributes: CookieAttributes,
  maxAge: number | undefined,
  isHttps: boolean,
): string {
  const { domain, path, sameSite, httpOnly, partitioned, secure } = attributes;
  // A name of 256 characters with an id of 1,024 bytes, signed and escaped, is below the 4,096 that browsers take.
  let header = `${name}=${encodeURIComponent(value)}`;
  if (maxAge !== undefined) header += `; Max-Age=${maxAge}`;
  if (maxAge === 0) header += "; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
  if (domain !== undefined) header += `; Domain=${domain}`;
  header += `; Path=${path}`;
  if (secure === "auto" ? isHttps : secure) header += "; Secure";
  if (httpOnly) header += "; HttpOnly";
  header += `; SameSite=${{ lax: "Lax", strict: "Strict", none: "None" }[sameSite]}`;
  if (partitioned) header += "; Partitioned";
  return header;
}

/** Refuses what a browser would drop without a word. */
export function checkCookie(name: string, given: Partial<CookieAttributes>): CookieAttributes {
  checkToken(name, "a cookie's name");
  const {
    domain,
    path = "/",
    sameSite = "lax",
    httpOnly = true,
    partitioned = false,
    secure = "auto",
  } = given;
  checkAttribute(path, "path");
  if (!path.startsWith("/")) throw invalid('path must begin with "/"');
  if (domain !== undefined) checkDomain(domain);
  if (!["lax", "strict", "none"].includes(sameSite))
    throw invalid('sameSite must be "lax", "strict" or "none"');
  if (typeof httpOnly !== "boolean") throw invalid("httpOnly must be true or false");
  if (typeof partitioned !== "boolean") throw invalid("partitioned must be true or false");
  if (typeof secure !== "boolean" && secure !== "auto") throw invalid('secure must be true, false or "auto"');

  const lower = name.toLowerCase();
  const host = lower.startsWith("__host-");
  const http = lower.startsWith("__http-") || lower.startsWith("__host-http-");
  const prefixed = host || http || lower.startsWith("__secure-");
  if (host && (domain !== undefined || path !== "/")) {
    throw invalid('a cookie with the prefix __Host- has the path "/" and no domain');
  }
  if (http && !httpOnly) throw invalid("a cookie with the prefix __Http- is httpOnly");
  const why = prefixed ? "such a prefix of its name" : partitioned ? "partitioned" : 'sameSite "none"';
  if (!prefixed && !partitioned && sameSite !== "none") {
    return { domain, path, sameSite, httpOnly, partitioned, secure };
  }
  if (secure === false) throw invalid(`a cookie with ${why} must be secure`);
  return { domain, path, sameSite, httpOnly, partitioned, secure: true };
}

export function checkToken(name: unknown, what: string): asserts name is string {
  if (typeof name !== "string" || name.length > 256 || !TOKEN.test(name)) {
    throw invalid(`${what} must be 1 to 256 letters, digits and marks that need no quotes`);
  }
}

function checkDomain(domain: unknown): void {
  checkAttribute(domain, "domain");
  if (!/^\.?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i.test(domain)) {
    throw invalid("domain must be a host name, such as example.org");
  }
}

function checkAttribute(value: unknown, option: string): asserts value is string {
  if (typeof value === "string" && value.length <= LONGEST_ATTRIBUTE && /^[\x20-\x3a\x3c-\x7e]*$/.test(value))
    return;
  throw invalid(`${option} must be at most ${LONGEST_ATTRIBUTE} characters of ASCII, without a semicolon`);
}
