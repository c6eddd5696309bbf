// Races that the page runs against the package's sessions for web servers: parallel additions, and a logout among
// slow requests.
import { cookie, SessionStorageMemory, sessions } from "sessile";
import { loggedOut, untilLoaded, untilLogout, untilOthersRead } from "./company.mjs";

/** What the page is to send. A browser holds six connections to a server, so a logout and five can be under way. */
const asked = { additions: 50, slow: 20, slowAtOnce: 5 };

const limits = {
  idleTimeout: "10m",
  absoluteTimeout: "1h",
  maxSessionBytes: 512,
  maxSessions: 20_000,
  maxBytes: 8 * 1024 * 1024,
};

/** Those that race. */
const storage = new SessionStorageMemory(limits);

/** What came out, which must outlive the logout: a session beside the one that races. */
const scores = new SessionStorageMemory(limits);

/** The steps that change something, by the last part of their address. */
export const raceSteps = ["begin", "login", "add", "overwrite", "slow", "logout"];

const onHttp = handlersFor("", false);
const onHttps = handlersFor("__Host-", true);

/** Answers a step or `result`, which the caller has found to be one of these, and to come from the own page. */
export const race = (step, request, secure) => (secure ? onHttps : onHttp)[step](request);

/** Frees the sessions. */
export const closeRaces = () => Promise.all([storage.close(), scores.close()]);

function handlersFor(prefix, secure) {
  const kind = (options) => cookie(`${prefix}race`, storage, { secure, ...options });
  const score = cookie(`${prefix}race-score`, scores, { secure });
  const careful = sessions({ session: kind(), score });
  const careless = sessions({ session: kind({ onConflict: "overwrite" }), score });
  return {
    begin: careful.fetch(begin),
    login: careful.fetch(login),
    add: careful.fetch(add),
    overwrite: careless.fetch(overwrite),
    slow: careful.fetch(changeAfterLogout),
    logout: careful.fetch(logout),
    result: careful.fetch(result),
  };
}

async function begin(request, { session, score }) {
  await score.clear();
  await score.set({ visitor: crypto.randomUUID(), ended: 0, late: 0, written: 0 });
  return login(request, { session, score });
}

async function login(_, { session, score }) {
  const found = await score.get();
  if (!found) return notBegun();
  await session.clear();
  await session.set({ round: crypto.randomUUID(), counted: 0 });
  await session.tag(tagOf(found));
  return json(asked);
}

async function add(_, { session }) {
  const found = await session.get();
  if (!found) return notBegun();
  await untilOthersRead(found.round);
  await session.update((now) => ({ ...now, counted: now.counted + 1 }));
  return counted(session);
}

// What a handler does that knows nothing of others: it writes what it made of the value it has read, and in these
// sessions (`onConflict: "overwrite"`) the last write wins.
async function overwrite(_, { session }) {
  const found = await session.get();
  if (!found) return notBegun();
  await untilOthersRead(found.round);
  found.counted += 1;
  return counted(session);
}

async function counted(session) {
  if ((await session.commit()) === "ended") return notBegun();
  return json({ counted: (await session.get()).counted });
}

// Answers what became of the change: "ended", which is what the client is told, "written", or "late" for a request
// that came when there was no session any more.
async function changeAfterLogout(_, { session, score }) {
  const found = await session.get();
  if (!found) return scored(score, "late");
  await untilLogout(found.round);
  await session.update((now) => ({ ...now, counted: now.counted + 1 }));
  return scored(score, (await session.commit()) === "ended" ? "ended" : "written");
}

async function scored(score, outcome) {
  if (!(await score.get())) return notBegun();
  await score.update((now) => ({ ...now, [outcome]: now[outcome] + 1 }));
  return json({ outcome });
}

async function logout(_, { session }) {
  const round = (await session.get())?.round;
  if (round) await untilLoaded(round, asked.slowAtOnce);
  await session.clear();
  if (round) loggedOut(round);
  return json({ loggedOut: true });
}

// What the server knows by itself, whatever cookie the browser has by now: how many sessions there are.
async function result(_, { session, score }) {
  const found = await score.get();
  if (!found) return notBegun();
  let alive = 0;
  for await (const _ of storage.listTagged(tagOf(found))) alive += 1;
  const { ended, late, written } = found;
  return json({ ...asked, counted: (await session.get())?.counted ?? 0, ended, late, written, alive });
}

const tagOf = ({ visitor }) => `visitor:${visitor}`;

const notBegun = () => json({ error: "There is no race under way. Begin one" }, 409);

function json(body, status = 200) {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}
