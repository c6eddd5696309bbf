import { SessionError } from "./error.js";

/**
 * Makes a new session id: 256 bits from the platform's secure random source, in 43 characters of base64url
 * (RFC 4648, section 5), which need no escaping in a cookie or a header.
 */
export function generateSessionId(): string {
  const bits = crypto.getRandomValues(new Uint8Array(32));
  const base64 = btoa(String.fromCharCode(...bits));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}

/** Refuses what is no string, and what has no UTF-8: lone surrogates would make two ids one. */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== "string") throw invalidId("a session id is not a string");
  if (!isWellFormed(id)) throw invalidId("a session id is not valid Unicode");
}

export function invalidId(message: string): SessionError {
  return new SessionError("ERR_SESSION_INVALID_ID", message);
}

/** Whether a string has no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
