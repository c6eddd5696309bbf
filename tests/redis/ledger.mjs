// What processes under load have told of their calls, and what must be true of the sessions in the end. See load.test.mjs.
import process from "node:process";
import { slotOfName } from "./canaries.mjs";

/** Of the storages, in milliseconds: shorter than a cluster takes to replace a master, so that calls fail too. */
export const TIMEOUT = 2_000;

const sessions = (kind, count) => Array.from({ length: count }, (_, at) => `${kind} ${at}`);

/** Each is `{ count, by }`: how often it was counted up, and how often by each process. */
export const COUNTERS = sessions("counter", 9);
/** Each is the last content that somebody wrote, without a condition. */
export const REGISTERS = sessions("register", 24);
/** The same, written in pieces. */
export const STREAMS = sessions("stream", 6);

/** The same clock in every process of a machine, in milliseconds. */
export const now = () => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** A content of which each byte depends on who wrote it, and when. */
export function contentOf(id, writer, number, length) {
  const head = `${id}|${writer}|${number}|${length}|`;
  return head.repeat(Math.ceil(length / head.length)).slice(0, length);
}

/** Who wrote it, and when. Throws for one that is not whole, or another session's. */
export function parseContent(id, data) {
  const text = new TextDecoder().decode(data);
  const [owner, writer, number, length] = text.split("|", 4);
  if (owner !== id || text !== contentOf(id, writer, Number(number), Number(length)))
    throw new Error(`${id} holds ${text.length} characters that nobody wrote: ${text.slice(0, 60)}`);
  return { writer, number: Number(number) };
}

/** How many commands a call waits for, one after another: each may take the timeout. Others wait for more than the server. */
const STEPS = {
  get: 3,
  set: 1,
  count: 1,
  touch: 1,
  login: 1,
  logout: 1,
  tag: 1,
  "set late": 1,
  write: 4,
  revoke: 3,
};

/** A busy machine may wake a process late. What hangs takes for ever. */
const SLACK = 1_500;

const MAY_CONFLICT = new Set(["count", "set late", "write late"]);

export class Ledger {
  #open = new Map();
  #shardOf;
  /** By session, then by writer, then by number: `{ begins, ends, revision }`; `revision` once it is acknowledged. */
  writes = new Map();
  /** By session, then by writer: how often it was tried, and refused for certain, and what came of the acknowledged. */
  counts = new Map();
  /** By session, when a logout began that was acknowledged. */
  logouts = new Map();
  /** By tag, when each of its sessions was to be written, and when they were revoked, if they were. */
  batches = new Map();
  /** What contradicts the contract at once. */
  faults = [];
  failures = new Map();
  done = 0;
  /** By writer, when it last failed, by more than a condition. */
  lastFailure = new Map();
  /** By writer, how many calls were done. */
  doneBy = new Map();
  /** By writer and shard, the longest time between two writes that were done. */
  pauses = new Map();
  #lastDone = new Map();

  /** @param shardOf which master a session's slot belongs to */
  constructor(shardOf) {
    this.#shardOf = (id) => shardOf(slotOfName(id));
  }

  take(writer, [what, number, ...rest]) {
    const key = `${writer} ${number}`;
    if (what === "begins") {
      const [kind, id, wrote, begins] = rest;
      const call = { writer, kind, id, wrote, begins, ends: Infinity, isDone: false, revision: undefined };
      this.#open.set(key, call);
      this.#begin(call);
      return;
    }
    const call = this.#open.get(key);
    this.#open.delete(key);
    const [ends, told] = rest;
    call.ends = ends;
    const allowed = (STEPS[call.kind] ?? Infinity) * TIMEOUT + SLACK;
    if (ends - call.begins > allowed)
      this.faults.push(`${call.kind}() took ${(ends - call.begins).toFixed(0)} ms`);
    if (what === "done") this.#finish(call, told);
    else this.#fail(call, what, told);
  }

  /** A writer was killed: of its last calls it is not known what came of them, but the server does none of them any more. */
  gone(writer) {
    for (const [key, call] of this.#open) {
      if (call.writer !== writer) continue;
      this.#open.delete(key);
      call.ends = call.begins + TIMEOUT;
      if (call.kind === "count") this.#countsOf(call).unknown += 1;
    }
  }

  #begin(call) {
    const { kind, id, writer, wrote } = call;
    if (kind === "set" || kind === "write") this.writesOf(id, writer)[wrote] = call;
    if (kind === "tag") this.#batchOf(wrote).sessions.set(id, call);
    if (kind === "revoke") this.#batchOf(id).revoke = call;
  }

  #finish(call, told) {
    const { kind, id, writer, wrote, begins, ends } = call;
    call.isDone = true;
    call.revision = told;
    this.done += 1;
    this.doneBy.set(writer, (this.doneBy.get(writer) ?? 0) + 1);
    if (kind === "count") this.#countsOf(call).done.push({ own: wrote, begins });
    if (kind === "logout") this.logouts.set(id, begins);
    if (kind !== "set" && kind !== "count") return;
    const key = `${writer} ${this.#shardOf(id)}`;
    const last = this.#lastDone.get(key);
    this.#lastDone.set(key, ends);
    if (last !== undefined) this.pauses.set(key, Math.max(this.pauses.get(key) ?? 0, ends - last));
  }

  #fail(call, what, told) {
    const { kind, writer, ends } = call;
    if (what === "broken") {
      this.faults.push(told);
      return;
    }
    this.failures.set(told, (this.failures.get(told) ?? 0) + 1);
    const isConflict = told === "ERR_SESSION_CONFLICT" && MAY_CONFLICT.has(kind);
    if (kind === "count") this.#countsOf(call)[isConflict ? "conflicts" : "unknown"] += 1;
    if (isConflict) return;
    this.lastFailure.set(writer, ends);
    if (told !== "ERR_SESSION_STORAGE") this.faults.push(`${kind}() failed with ${told}`);
  }

  writesOf(id, writer) {
    return made(made(this.writes, id, newMap), writer, () => []);
  }

  #countsOf({ id, writer }) {
    const none = () => ({ done: [], unknown: 0, conflicts: 0 });
    return made(made(this.counts, id, newMap), writer, none);
  }

  #batchOf(tag) {
    return made(this.batches, tag, () => ({ sessions: new Map(), revoke: undefined }));
  }
}

const newMap = () => new Map();

function made(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

/**
 * What is wrong with the sessions in the end, and what replication has lost.
 *
 * @param storage on the same servers
 * @param canary `(who, name) => number`: what is in a canary, 0 for none
 * @param settled `(name) => time`: from when on nothing of this name's slot can have been lost
 */
export async function judge(ledger, storage, canary, settled) {
  const faults = [...ledger.faults];
  const lost = { counts: 0, logouts: 0 };
  const proven = { writes: 0, counts: 0, logouts: 0, batches: 0 };
  const isKept = async (who, name, begins, number = 1) =>
    begins >= settled(name) || (await canary(who, name)) >= number;

  for (const id of [...REGISTERS, ...STREAMS]) {
    const kept = [];
    for (const [writer, calls] of ledger.writes.get(id) ?? []) {
      const upTo = await canary(writer, id);
      // The canary of a number stands for all before it.
      const last = calls.findLast(
        (call) => call?.isDone && (call.wrote <= upTo || call.begins >= settled(id)),
      );
      if (last !== undefined) kept.push(last);
    }
    proven.writes += kept.length;
    const found = await storage.get(id);
    if (found === undefined) {
      if (kept.length > 0) faults.push(`${id} is gone`);
      continue;
    }
    const { writer, number } = parseContent(id, found.data);
    const final = ledger.writes.get(id)?.get(writer)?.[number];
    if (final === undefined) {
      faults.push(`${id} holds what ${writer} never wrote, ${number}`);
      continue;
    }
    if (final.isDone && final.revision !== found.info.revision)
      faults.push(`${id} has the content of one revision under the name of another`);
    for (const newer of kept) {
      if (newer.begins > final.ends)
        faults.push(
          `${id} holds ${writer}'s ${number}, which was over ${(newer.begins - final.ends).toFixed(0)} ms before ` +
            `${newer.writer}'s ${newer.wrote} began, and that was acknowledged and kept`,
        );
    }
  }

  for (const id of COUNTERS) {
    const found = await storage.getJson(id);
    const { count, by } = found ?? { count: 0, by: {} };
    const sum = Object.values(by).reduce((total, own) => total + own, 0);
    if (sum !== count) faults.push(`${id} is ${count}, but the parts of it come to ${sum}`);
    for (const [writer, { done, unknown, conflicts }] of ledger.counts.get(id) ?? []) {
      const own = by[writer] ?? 0;
      const upTo = await canary(writer, id);
      const since = done.filter(({ begins }) => begins >= settled(id));
      const least = Math.max(upTo, ...since.map((each) => each.own), 0);
      proven.counts += least;
      lost.counts += Math.max(0, done.length - own);
      if (own < least)
        faults.push(`${id} has ${own} of ${writer}, of which ${least} were acknowledged and kept`);
      // Where a connection broke, the answer to what was done may be that it conflicts with itself.
      const most = done.length + unknown + (settled(id) === -Infinity ? 0 : conflicts);
      if (own > most) faults.push(`${id} has ${own} of ${writer}, which tried ${most} times`);
      if (new Set(since.map((each) => each.own)).size !== since.length)
        faults.push(`${id}: two writes of ${writer} were acknowledged for the same revision`);
    }
  }

  for (const [id, begins] of ledger.logouts) {
    const isThere = (await storage.get(id)) !== undefined;
    if (await isKept("out", id, begins)) {
      proven.logouts += 1;
      if (isThere) faults.push(`${id} came back after its logout`);
    } else if (isThere) lost.logouts += 1;
  }

  for (const [tag, { sessions, revoke }] of ledger.batches) {
    const calls = [...sessions];
    if (calls.length < 3 || calls.some(([, call]) => !call.isDone)) continue;
    const first = Math.min(...calls.map(([, call]) => call.begins));
    if (!(await isKept("tag", `tag:${tag}`, first))) continue;
    if (revoke !== undefined && !revoke.isDone) continue;
    proven.batches += 1;
    const listed = new Set();
    for await (const { revision } of storage.listTagged(tag)) listed.add(revision);
    for (const [id, { begins, revision }] of calls) {
      if (revoke === undefined) {
        if ((await isKept("tagged", id, begins)) && !listed.has(revision))
          faults.push(`${id} is not listed by its tag`);
      } else if (await isKept("revoked", id, revoke.begins)) {
        if ((await storage.get(id)) !== undefined) faults.push(`${id} came back after its tag was revoked`);
      }
    }
  }
  return { faults, lost, proven };
}
