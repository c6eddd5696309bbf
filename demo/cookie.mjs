// The demo's one cookie. It holds a session's id and nothing else.

// `generateSessionId()` makes 43 characters of base64url. Anything else in the cookie was not made
// here, so it costs no storage call.
const idPattern = /^[A-Za-z0-9_-]{43}$/;

// A browser sends one cookie of the name. More come from a page of a sibling host or from somebody who
// tries; each of them costs a lookup, so a few are enough.
const mostCandidates = 4;

// `__Host-` makes the browser promise that no other host and no plain http page has set the cookie.
// It requires Secure, so on plain http (localhost) the bare name must do.
const cookieName = (secure) => (secure ? "__Host-sid" : "sid");

const attributes = (secure) => `Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;

/** The well-formed ids in a Cookie header, in the order sent. Values are never decoded: ids need no escapes. */
export function sessionIdsIn(cookieHeader, secure) {
  const name = cookieName(secure);
  const ids = [];
  for (const pair of (cookieHeader ?? "").split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    if (idPattern.test(value) && !ids.includes(value) && ids.push(value) === mostCandidates) break;
  }
  return ids;
}

/** A Set-Cookie value that lives as long as the browser's session: the storage decides when it ends. */
export const sessionCookie = (id, secure) => `${cookieName(secure)}=${id}; ${attributes(secure)}`;

/** A Set-Cookie value that removes the cookie. */
export const expiredCookie = (secure) => `${cookieName(secure)}=; Max-Age=0; ${attributes(secure)}`;
