// The demo as one function from a Request to a Response, the same in Node, Deno, Bun and workerd.
import { generateSessionId, SessionStorageMemory } from "sessile";
import { expiredCookie, sessionCookie, sessionIdsIn } from "./cookie.mjs";
import { notice, page } from "./page.mjs";
import { closeRaces, race, raceSteps } from "./races.mjs";
import { wwwFile } from "./www.mjs";

const nothingHere = "Nothing here. The page is at /, the browser test page at /page/";
const minute = 60_000;
const idleTimeout = 30 * minute;

const storage = new SessionStorageMemory({
  idleTimeout,
  absoluteTimeout: "12h",
  maxSessionBytes: 4096,
  maxSessions: 100_000,
  maxBytes: 64 * 1024 * 1024,
});

/** Frees the sessions; every later request is answered with 500. */
export const close = () => Promise.all([storage.close(), closeRaces()]);

const routes = [
  { path: /^\/$|^\/room\/[^/]{1,200}$/, methods: { GET: visitPage, HEAD: look } },
  { path: /^\/goodbye$/, methods: { GET: goodbye, HEAD: look } },
  { path: /^\/api\/session$/, methods: { GET: describeSession, HEAD: look } },
  { path: /^\/logout$/, methods: { POST: logout } },
  { path: new RegExp(`^/race/(${raceSteps.join("|")})$`), methods: { POST: runRace } },
  { path: /^\/race\/result$/, methods: { GET: runRace, HEAD: look } },
  { path: /^\/page(\/.*)?$/, methods: { GET: sendFile, HEAD: sendFile } },
];

/**
 * @param {Request} request
 * @param {{
 *   secure: boolean,
 *   runtime?: string,
 *   files: (name: string) => Promise<Uint8Array | undefined>,
 * }} connection `secure`: the browser came by https; `files`: those of the browser test page
 * @returns {Promise<Response>}
 */
export async function handle(request, { secure, runtime = "", files }) {
  const url = addressOf(request);
  if (!url) return plain(400, "This is no address that can be answered");
  const route = routes.find(({ path }) => path.test(url.pathname));
  if (!route) return plain(404, nothingHere);
  const method = Object.hasOwn(route.methods, request.method) && route.methods[request.method];
  if (!method) {
    const allow = Object.keys(route.methods).join(", ");
    return plain(405, `This address takes ${allow}`, { allow });
  }
  try {
    const ids = sessionIdsIn(request.headers.get("cookie"), secure);
    return await method({ request, url, ids, secure, runtime, files });
  } catch (error) {
    // What went wrong in the storage is the operator's business, not the visitor's; and a visitor whose
    // session could not be read must not be handed an empty one.
    console.error(error);
    return plain(500, "The session storage failed. Try again later");
  }
}

async function visitPage({ url, ids, secure, runtime }) {
  const { id, value } = await visit(await firstLive(ids), readablePath(url.pathname));
  const headers = ids.includes(id) ? {} : { "set-cookie": sessionCookie(id, secure) };
  const info = await storage.info(id);
  // Logged out or pushed out by a full storage since the line above: there is nothing left to show.
  if (!info) return redirect("/goodbye", expiredCookie(secure));
  const nonce = crypto.randomUUID();
  const state = { session: describe(id, info, value), stats: await storage.stats(), now: Date.now() };
  return html(page({ ...state, address: url.pathname, idleTimeout, runtime, nonce }), nonce, headers);
}

// Adds one visit, and loses none that others add at the same time: the write is conditional on the
// revision that was read, and on a conflict everything is read again. `info` comes before `getJson`, so
// a write between the two makes the revision too old, never too new.
async function visit(id, path) {
  for (;;) {
    const info = id && (await storage.info(id));
    const value = info && (await storage.getJson(id));
    // A session that is unknown, expired or logged out is never revived under its old id: somebody may
    // have planted it.
    if (!value) id = generateSessionId();
    const next = { visits: (value?.visits ?? 0) + 1, path, before: value?.path ?? null };
    try {
      await storage.setJson(id, next, { ifRevision: value ? info.revision : null });
      return { id, value: next };
    } catch (error) {
      if (error.code !== "ERR_SESSION_CONFLICT") throw error;
    }
  }
}

async function firstLive(ids) {
  for (const id of ids) if (await storage.info(id)) return id;
  return undefined;
}

// What a page may know of a session. The whole id is not among it: a script that could read it could
// carry the session away, which is what HttpOnly is there to prevent.
function describe(id, { revision, byteLength, createdAt, expiresAt }, value) {
  return { id: `${id.slice(0, 6)}…`, ...value, revision, byteLength, createdAt, expiresAt };
}

async function describeSession({ ids }) {
  const id = await firstLive(ids);
  const info = id && (await storage.info(id));
  const value = info && (await storage.getJson(id));
  const session = value ? describe(id, info, value) : null;
  const body = { session, stats: await storage.stats(), now: Date.now(), idleTimeout };
  return new Response(JSON.stringify(body), {
    headers: { ...commonHeaders, "content-type": "application/json" },
  });
}

async function goodbye({ ids, secure, runtime }) {
  const nonce = crypto.randomUUID();
  const live = await firstLive(ids);
  const headers = ids.length > 0 && !live ? { "set-cookie": expiredCookie(secure) } : {};
  return html(
    notice({ stillIn: Boolean(live), stats: await storage.stats(), runtime, nonce }),
    nonce,
    headers,
  );
}

// A HEAD request looks and leaves no trace: monitors and link checkers are no visitors.
async function look({ url }) {
  const type = /^\/(api|race)\//.test(url.pathname) ? "application/json" : "text/html; charset=utf-8";
  return new Response(null, { headers: { ...commonHeaders, "content-type": type } });
}

// No file of the page has a use for an old copy, least of all while somebody works on it.
async function sendFile({ request, url, files }) {
  if (url.pathname === "/page") return redirect("/page/");
  const file = await wwwFile(url.pathname.slice("/page/".length), files);
  if (!file) return plain(404, nothingHere);
  const body = request.method === "HEAD" ? null : file.body;
  return new Response(body, { headers: { ...commonHeaders, ...file.headers } });
}

async function logout({ request, url, ids, secure }) {
  if (!isFromThisSite(request, url, secure)) {
    return plain(403, "Log out with the button of the page itself");
  }
  for (const id of ids) await storage.invalidate(id);
  return redirect("/goodbye", expiredCookie(secure));
}

async function runRace({ request, url, secure }) {
  if (request.method === "POST" && !isFromThisSite(request, url, secure)) {
    return plain(403, "Race with the buttons of the page itself");
  }
  const response = await race(url.pathname.slice("/race/".length), request, secure);
  for (const [name, value] of Object.entries(commonHeaders)) response.headers.set(name, value);
  return response;
}

// SameSite=Lax keeps other sites' forms away, but not those of sibling hosts. Browsers name the source
// of a POST in at least one of these headers; whoever names none has no button either.
function isFromThisSite({ headers }, url, secure) {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if (site !== null && site !== "same-origin") return false;
  if (origin !== null && origin !== `${secure ? "https" : "http"}://${url.host}`) return false;
  return site !== null || origin !== null;
}

// The Host header is part of the address, and not every runtime has checked it before.
function addressOf(request) {
  try {
    return new URL(request.url);
  } catch {
    return undefined;
  }
}

function readablePath(pathname) {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

const commonHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // Not "no-referrer": with it browsers send `Origin: null`, and logout would refuse its own button.
  "referrer-policy": "same-origin",
};

function html(body, nonce, headers) {
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return new Response(body, {
    headers: {
      ...commonHeaders,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy,
      ...headers,
    },
  });
}

function redirect(location, cookie) {
  const cookies = cookie ? { "set-cookie": cookie } : {};
  return new Response(null, { status: 303, headers: { ...commonHeaders, location, ...cookies } });
}

function plain(status, text, headers) {
  return new Response(`${text}\n`, {
    status,
    headers: { ...commonHeaders, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}
