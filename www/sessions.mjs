// What the page does to sessions: each call of the storage, with the list of ids kept and the other tabs told.
import { now } from "./clock.mjs";
import { expect, forget, known, LIST, note } from "./known-ids.mjs";
import { storage } from "./storage.mjs";
import { announce } from "./tabs.mjs";

/** Sessions are asked for in portions: as many calls share a transaction, and no list is too long. */
const PORTION = 500;

/** An error of this page's own, for which the storage has no code. */
export class PageError extends Error {}

/** Writes by `work(id)`, which calls the storage; answers the info of what is there then. */
export async function write(id, work) {
  refuseList(id);
  // What is no id is refused before it stands in the list.
  await storage.info(id);
  await expect([id]);
  try {
    await work(id);
  } finally {
    // Also after a failure: the session may be there from before.
    await noteAsFound([id]);
    announce();
  }
  return storage.info(id);
}

export async function invalidate(id) {
  refuseList(id);
  const entries = (await known()).filter((entry) => entry.id === id);
  const there = await storage.invalidate(id);
  await forget(entries);
  announce();
  return there;
}

export async function touch(id) {
  refuseList(id);
  const there = await storage.touch(id);
  announce();
  return there;
}

export async function invalidateAll() {
  const entries = await known();
  let ended = 0;
  for (const portion of portions(entries)) {
    const there = await Promise.all(portion.map(({ id }) => storage.invalidate(id)));
    ended += there.filter(Boolean).length;
  }
  await forget(entries);
  announce();
  return ended;
}

export async function invalidateTagged(tag) {
  const ended = await storage.invalidateTagged(tag);
  announce();
  return ended;
}

export async function sweep() {
  const removed = await storage.sweep();
  announce();
  return removed;
}

/**
 * Every session that is known and there: `{ id, info, span }`, or `{ id, error }` for one that cannot be read. What is
 * gone is taken off the list.
 */
export async function all() {
  const entries = await known();
  const found = [];
  const gone = [];
  for (const portion of portions(entries)) {
    const answers = await Promise.allSettled(portion.map(({ id }) => storage.info(id)));
    for (const [at, { value: info, reason: error }] of answers.entries()) {
      const entry = portion[at];
      if (error) found.push({ id: entry.id, error });
      else if (info) found.push({ id: entry.id, span: entry.span, info });
      else gone.push(entry);
    }
  }
  if (gone.length > 0) await forget(gone);
  return found;
}

/** Notes the sessions of these ids as they are now. */
export async function noteAsFound(ids) {
  const written = [];
  for (const portion of portions(ids)) {
    const infos = await Promise.all(portion.map((id) => storage.info(id).catch(() => undefined)));
    for (const [at, info] of infos.entries()) {
      if (!info) continue;
      const span = info.expiresAt === undefined ? null : info.expiresAt - now();
      written.push({ id: portion[at], revision: info.revision, span });
    }
  }
  await note(written);
}

/** The list of ids is the page's own: written by hand, it would be lost. */
export function refuseList(id) {
  if (id === LIST) throw new PageError("This id is the page's own: its session holds the list of ids.");
}

function* portions(list) {
  for (let at = 0; at < list.length; at += PORTION) yield list.slice(at, at + PORTION);
}
