import type { CookieData } from "./cookie.js";

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const DOMAIN = /^\.?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** Neither a control character nor a semicolon. */
const PATH = /^[\x20-\x3a\x3d-\x7e]*$/;
const PRIORITIES = new Map([
  ["low", "Low"],
  ["medium", "Medium"],
  ["high", "High"],
]);
const SAME_SITES = new Map<unknown, string>([
  [true, "Strict"],
  ["strict", "Strict"],
  ["lax", "Lax"],
  ["none", "None"],
]);

/** A `Set-Cookie` header as express-session writes it, of a value that is escaped already. Throws a `TypeError` for what a browser would not take. */
export function serialized(name: string, value: string, data: CookieData): string {
  const { domain, path, expires, httpOnly, secure, partitioned, priority, sameSite } = data;
  check(NAME.test(name), "name");
  let header = `${name}=${value}`;
  if (domain) {
    check(DOMAIN.test(domain), "domain");
    header += `; Domain=${domain}`;
  }
  if (path) {
    check(PATH.test(path), "path");
    header += `; Path=${path}`;
  }
  if (expires) {
    check(expires instanceof Date && !Number.isNaN(expires.getTime()), "expires");
    header += `; Expires=${expires.toUTCString()}`;
  }
  if (httpOnly) header += "; HttpOnly";
  if (secure) header += "; Secure";
  if (partitioned) header += "; Partitioned";
  if (priority) header += `; Priority=${named(PRIORITIES, priority, "priority")}`;
  if (sameSite) header += `; SameSite=${named(SAME_SITES, sameSite, "sameSite")}`;
  return header;
}

function named(names: ReadonlyMap<unknown, string>, given: unknown, option: string): string {
  const name = names.get(typeof given === "string" ? given.toLowerCase() : given);
  check(name !== undefined, option);
  return name;
}

function check(isGood: boolean, option: string): asserts isGood {
  if (!isGood) throw new TypeError(`the cookie's ${option} is invalid: browsers would not take it`);
}
