// A process that works on shared sessions until it is killed, and writes down what it does; see `history.mjs` for the
// lines. `writer.rs` is the same over the crate.
//
//   writer.mjs work|survey|sweep NAME SEED FOLDER JOURNAL relaxed|strict auto|async|sync ID...
import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { DirectoryStorage } from "sessile";

const [mode, name, seed, folder, journalPath, durability, io, ...ids] = process.argv.slice(2);
const LANES = 2;
const IDLE_TIMEOUT = 60 * 60 * 1000;
/** More than the day for which leftovers are kept. */
const LATER = 25 * 60 * 60 * 1000;
const SWEEPS_OF_ALL = 300;

// Appended in one call each: so the system puts the lines of all processes in one order, and a kill loses none.
const journal = openSync(journalPath, "a");
const say = (...words) => void writeSync(journal, `${name} ${words.join(" ")}\n`);

const now = Date.now;
const storage = new DirectoryStorage(folder, {
  durability,
  io,
  idleTimeout: IDLE_TIMEOUT,
  clock: () => now(),
});
const random = randomFrom(Number(seed));
const one = (list) => list[random(list.length)];
const parent = process.ppid;
let calls = 0;

function randomFrom(start) {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % below;
  };
}

/** Bytes of which each can be told from the seed. */
function fill(into, start, from) {
  let word = from >>> 0 || 1;
  for (let at = start; at < into.length; at += 1) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    into[at] = word & 0xff;
  }
  return into;
}

function content(id, attempt, number, previous, tags, length) {
  const from = random(0xffffffff) + 1;
  const head = new TextEncoder().encode(`${id} ${attempt} ${number} ${previous} ${tags} ${from} ${length}\n`);
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  return fill(bytes, head.length, from);
}

/** What a content says of itself, or that it is not as it was written. */
function check(bytes, info) {
  const end = bytes.indexOf(10);
  const words = new TextDecoder().decode(bytes.subarray(0, Math.max(end, 0))).split(" ");
  const [id, attempt, number, previous, tags, from, length] = words;
  if (words.length !== 7) return ["torn", "no-header", info.revision];
  const expected = new Uint8Array(end + 1 + Number(length));
  if (bytes.length !== expected.length)
    return ["torn", `${bytes.length}-of-${expected.length}-bytes`, attempt];
  fill(expected, end + 1, Number(from));
  for (let at = end + 1; at < bytes.length; at += 1) {
    if (bytes[at] !== expected[at]) return ["torn", `at-${at}-of-${bytes.length}`, attempt];
  }
  if (info.byteLength !== bytes.length) return ["torn", `info-says-${info.byteLength}-bytes`, attempt];
  return ["ok", info.revision, id, attempt, number, previous, tags, info.tags.join("+"), info.expiresAt];
}

/** Makes a call, and says when it is about to begin, has begun, and has ended how. */
async function call(words, begin) {
  const number = (calls += 1);
  say("begin", number, ...words);
  const began = performance.now();
  const took = () => Math.round(performance.now() - began);
  try {
    const ending = begin(`${name}.${number}`);
    say("under", number, now());
    const result = await ending;
    say("end", number, took(), ...result);
    return result;
  } catch (error) {
    const isConflict = error?.code === "ERR_SESSION_CONFLICT";
    const why = [error?.code, error?.message, error?.cause?.message].join("_").replaceAll(/\s+/g, "_");
    say("end", number, took(), ...(isConflict ? ["conflict"] : ["failed", why]));
    return [isConflict ? "conflict" : "failed"];
  }
}

function read(id) {
  return call(["read", id], async () => {
    if (random(3) > 0) {
      const found = await storage.get(id);
      return found === undefined ? ["missing"] : check(found.data, found.info);
    }
    try {
      return await storage.read(id, async (channel, info) => {
        const pieces = [];
        for await (const piece of channel) pieces.push(piece.slice());
        return check(Buffer.concat(pieces), info);
      });
    } catch (error) {
      if (error?.code !== "ERR_SESSION_NOT_FOUND") throw error;
      return ["missing"];
    }
  });
}

/** `condition` is a revision, "none" or "any". */
function write(id, number, previous, tags, condition, isStreamed) {
  const words = ["write", id, number, previous, tags.join("+"), condition, now()];
  return call(words, async (attempt) => {
    const options = { tags };
    if (condition !== "any") options.ifRevision = condition === "none" ? null : condition;
    const length = isStreamed ? 100_000 + random(300_000) : random(100) < 2 ? 0 : 200 + random(3_800);
    const bytes = content(id, attempt, number, previous, tags.join("+"), length);
    if (!isStreamed) return ["ok", await storage.set(id, bytes, options)];
    const revision = await storage.write(
      id,
      async (channel) => {
        const writer = channel.getWriter();
        for (let at = 0; at < bytes.length;) {
          const piece = bytes.subarray(at, at + 1 + random(64 * 1024));
          await writer.write(piece);
          at += piece.length;
        }
      },
      options,
    );
    return ["ok", revision];
  });
}

const flag = async (promise) => ["ok", await promise];
const touch = (id) => call(["touch", id, now()], () => flag(storage.touch(id)));
const invalidate = (id) => call(["invalidate", id, now()], () => flag(storage.invalidate(id)));
const sweep = () => call(["sweep"], () => flag(storage.sweep()));

function list(tag) {
  return call(["list", tag], async () => {
    const revisions = [];
    for await (const info of storage.listTagged(tag)) revisions.push(info.revision);
    return ["ok", ...revisions];
  });
}

/** One step of a chain: what is written names the revision that it follows. */
async function link(id) {
  const [outcome, revision, , , number] = await read(id);
  if (outcome === "missing") await write(id, 1, "-", ["crash"], "none", false);
  else if (outcome === "ok") {
    await write(id, Number(number) + 1, revision, ["crash"], revision, random(10) === 0);
  }
}

const LIFE_TAGS = [["odd"], ["crash"], ["crash", "odd"]];

function live(id) {
  const chance = random(100);
  if (chance < 35) return invalidate(id);
  const condition = chance < 80 ? "none" : "any";
  return write(id, 0, "-", one(LIFE_TAGS), condition, random(6) === 0);
}

function step() {
  const chance = random(100);
  if (chance < 3) return list(one(["crash", "odd"]));
  if (chance < 4) return sweep();
  const id = one(ids);
  if (chance < 20) return read(id);
  if (chance < 30) return touch(id);
  if (id.startsWith("chain")) return link(id);
  if (id.startsWith("life")) return live(id);
  if (id.startsWith("touched") && random(10) > 0) return touch(id);
  return write(id, 0, "-", one([["crash"], ["crash", "odd"]]), "any", random(10) === 0);
}

async function work() {
  // Whoever started this process may have died.
  while (process.ppid === parent) {
    await step();
    // The lanes take turns; a call that never had to wait would let nobody else on.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function survey() {
  for (const id of ids) await read(id);
  for (const tag of ["crash", "odd"]) await list(tag);
}

async function sweepAll() {
  // Only where the age of a file is told: the sessions' own clock stays.
  Date.now = () => now() + LATER;
  for (let done = 0; done < SWEEPS_OF_ALL; done += 1) await sweep();
}

say("ready");
if (mode === "work") await Promise.all(Array.from({ length: LANES }, work));
else await { survey, sweep: sweepAll }[mode]();
