// An application's process under load, for load.test.mjs: `load-app.mjs LIBRARY NUMBER URL…`, until its input ends.
//
// Every call is told to the parent before it begins and when it has ended, by a write that the system has taken over before the
// next statement runs: what was told stays told when the process is killed.
import { writeSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { SessionError } from "sessile";
import { RedisStorage } from "sessile/redis";
import { setCanary, slotOfName } from "./canaries.mjs";
import { libraries } from "./clients.mjs";
import { COUNTERS, now, parseContent, REGISTERS, STREAMS, TIMEOUT, contentOf } from "./ledger.mjs";

const [, , library, writer, ...urls] = process.argv;
const { cluster, masterOf, end: close } = libraries[library];
const clients = [await cluster(urls), await cluster(urls)];
const options = { timeout: TIMEOUT, idleTimeout: "1h" };
const storage = new RedisStorage(clients[0], options);
/** Over connections of its own, as another process has them. */
const other = new RedisStorage(clients[1], options);

let isOver = false;
process.stdin.on("end", () => (isOver = true)).resume();

function say(...told) {
  const line = Buffer.from(`${JSON.stringify(told)}\n`);
  for (let at = 0; at < line.length;) {
    try {
      at += writeSync(1, line, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      // The parent is behind. Nothing may go on before it is told.
      Atomics.wait(gate, 0, 0, 1);
    }
  }
}

const gate = new Int32Array(new SharedArrayBuffer(4));

const portOf = (name) => masterOf(clients[0], slotOfName(name));
let calls = 0;

/**
 * Makes a call, and tells of it; its result, or undefined where it failed as it may.
 *
 * @param wrote the number of what is written, of its writer and session; for a count what its writer's part of it comes to
 */
async function call(kind, id, wrote, act) {
  calls += 1;
  const number = calls;
  say("begins", number, kind, id, wrote, now());
  try {
    const result = await act();
    say("done", number, now(), typeof result === "string" ? result : undefined);
    return result ?? true;
  } catch (error) {
    const isTyped = error instanceof SessionError && /^ERR_SESSION_[A-Z_]+$/.test(error.code);
    say(isTyped ? "failed" : "broken", number, now(), isTyped ? error.code : `${kind}: ${error.stack}`);
    return undefined;
  }
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const busy = new Set();
const numbers = new Map();

/** A session that nothing else in this process writes, and the next number for it. */
async function withFree(list, use) {
  const id = pick(list);
  if (busy.has(id)) return;
  busy.add(id);
  const number = (numbers.get(id) ?? 0) + 1;
  numbers.set(id, number);
  try {
    await use(id, number);
  } finally {
    busy.delete(id);
  }
}

async function count() {
  const id = pick(COUNTERS);
  const found = await call("get", id, 0, () => storage.get(id));
  if (found === undefined) return;
  const { count, by } =
    found === true ? { count: 0, by: {} } : JSON.parse(new TextDecoder().decode(found.data));
  const own = (by[writer] ?? 0) + 1;
  const port = portOf(id);
  const next = { count: count + 1, by: { ...by, [writer]: own } };
  const ifRevision = found === true ? null : found.info.revision;
  if (await call("count", id, own, () => storage.setJson(id, next, { ifRevision })))
    setCanary(port, writer, id, own);
}

const write = () =>
  withFree(REGISTERS, async (id, number) => {
    const port = portOf(id);
    const content = contentOf(id, writer, number, 100 + (number % 20) * 100);
    if (await call("set", id, number, () => storage.set(id, content))) setCanary(port, writer, id, number);
  });

const stream = () =>
  withFree(STREAMS, async (id, number) => {
    const port = portOf(id);
    const content = new TextEncoder().encode(contentOf(id, writer, number, 300_000));
    const provide = async (channel) => {
      const to = channel.getWriter();
      for (let at = 0; at < content.length; at += 100_000) await to.write(content.subarray(at, at + 100_000));
    };
    if (await call("write", id, number, () => storage.write(id, provide)))
      setCanary(port, writer, id, number);
  });

async function read() {
  const id = pick([...REGISTERS, ...STREAMS]);
  await call("get", id, 0, async () => {
    const found = await storage.get(id);
    if (found !== undefined) parseContent(id, found.data);
  });
  await call("touch", id, 0, async () => void (await storage.touch(id)));
}

let logins = 0;
const loggedIn = [];

/** Begins a session, and ends one that began some time ago. */
async function logout() {
  logins += 1;
  const id = `out ${writer} ${logins}`;
  const revision = await call("login", id, 0, () => storage.set(id, "in"));
  if (revision !== undefined) loggedIn.push({ id, revision });
  if (loggedIn.length > 20) await end(loggedIn.shift());
}

/** Ends a session while writes that began before are under way, on other connections. Nobody uses its id again. */
async function end({ id, revision }) {
  let begun;
  let goOn;
  const [hasBegun, isEnded] = [new Promise((told) => (begun = told)), new Promise((told) => (goOn = told))];
  const piecewise = call("write late", id, 0, () =>
    other.write(id, async (channel) => {
      await channel.getWriter().write(new Uint8Array(70_000));
      begun();
      await isEnded;
    }),
  );
  await Promise.race([hasBegun, piecewise]);
  const conditional = call("set late", id, 0, () => other.set(id, "late", { ifRevision: revision }));
  const port = portOf(id);
  const ended = await call("logout", id, 0, async () => void (await storage.invalidate(id)));
  if (ended) setCanary(port, "out", id, 1);
  goOn();
  await Promise.all([piecewise, conditional]);
}

let batches = 0;

/** Three sessions with a tag; every other time all of them are ended by it. */
async function tags() {
  batches += 1;
  const tag = `${writer} ${batches}`;
  const ids = [0, 1, 2].map((at) => `tagged ${tag} ${at}`);
  const tagPort = portOf(`tag:${tag}`);
  const ports = ids.map(portOf);
  const set = (id) => call("tag", id, tag, () => storage.set(id, "content", { tags: [tag] }));
  const isSet = await Promise.all(ids.map(set));
  if (isSet.some((done) => done === undefined)) return;
  setCanary(tagPort, "tag", `tag:${tag}`, 1);
  for (const [at, id] of ids.entries()) setCanary(ports[at], "tagged", id, 1);
  if (batches % 2 === 0) return;
  const portsThen = ids.map(portOf);
  const ended = await call("revoke", tag, 0, async () => void (await storage.invalidateTagged(tag)));
  if (ended) for (const [at, id] of ids.entries()) setCanary(portsThen[at], "revoked", id, 1);
}

async function again(task, milliseconds) {
  while (!isOver) {
    await task();
    await pause(milliseconds);
  }
}

say("ready");
await Promise.all([
  ...[1, 2, 3].map(() => again(count, 20)),
  ...[1, 2, 3, 4].map(() => again(write, 20)),
  ...[1, 2].map(() => again(read, 20)),
  again(logout, 50),
  again(stream, 100),
  again(tags, 100),
]);
for (const client of clients) close(client);
process.exit(0);
