import { invalid } from "../options.js";
import type { SessionStorage } from "../types.js";
import { cookieCarrier, headerCarrier } from "./carriers.js";
import { StoredDefinition, type SessionDefinition } from "./definition.js";
import type { CookieOptions, SealedCookieOptions, SessionOptions } from "./options.js";
import { SealedDefinition } from "./sealed-session.js";

/**
 * A session that travels in a cookie: its id, or without a storage all of it, sealed. Throws `ERR_SESSION_INVALID_OPTION` for
 * what a browser would drop, or makes no sense.
 *
 * What the cookie itself carries (as Ktor's `cookie` without a storage) needs no server's memory, but the client can bring
 * an older one: of parallel requests the last response wins, nothing is found by a tag, and after `clear()` whoever has
 * kept a copy has a session until it expires. At most 4,096 bytes, with the cookie's name.
 */
export function cookie<T>(
  name: string,
  storage: SessionStorage,
  options?: CookieOptions<T>,
): SessionDefinition<T>;
export function cookie<T>(name: string, options: SealedCookieOptions<T>): SessionDefinition<T>;
export function cookie<T>(
  name: string,
  given: SessionStorage | SealedCookieOptions<T>,
  options: CookieOptions<T> = {},
): SessionDefinition<T> {
  const carrier = (checked: CookieOptions<T>): ReturnType<typeof cookieCarrier> =>
    cookieCarrier(name, checked);
  if (isStorage(given)) return new StoredDefinition<T>(name, given, options, carrier);
  if (typeof given === "object" && given !== null && given.secrets !== undefined) {
    return new SealedDefinition<T>(name, given, carrier);
  }
  throw invalid("cookie() takes a storage, or options with secrets that seal the whole session");
}

/**
 * A session that travels in a header, for clients without cookies. The response carries it when it is new, and empty when
 * it has ended. Throws as {@link cookie}.
 */
export function header<T>(
  name: string,
  storage: SessionStorage,
  options: SessionOptions<T> = {},
): SessionDefinition<T> {
  return new StoredDefinition<T>(name, storage, options, () => headerCarrier(name));
}

function isStorage(given: unknown): given is SessionStorage {
  return typeof (given as Partial<SessionStorage> | null | undefined)?.write === "function";
}
