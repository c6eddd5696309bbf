// The ids of the sessions. A storage tells no id, and keeps none outside the process's memory: whoever wants a list
// must keep one. This page keeps it as a session among the others, changed by conditional writes alone, so that no
// tab loses what another has added.
import { storage } from "./storage.mjs";

/** The session that holds the list. */
export const LIST = "sessile page: the list of ids";

/** A list has one writer in this tab, so that only other tabs are met. */
let last = Promise.resolve();

/**
 * All entries: `id`; `revision`, of the last write here or in another tab; and `span`, the milliseconds from that write
 * to the session's end. Both are null before the first write has ended, and `span` where there is no end.
 */
export async function known() {
  return (await storage.getJson(LIST)) ?? [];
}

/** Adds ids before their sessions are written: a tab that is closed in between leaves no session unknown. */
export function expect(ids) {
  return change((entries) => {
    const there = new Set(entries.map(({ id }) => id));
    const missing = ids.filter((id) => !there.has(id));
    return [...entries, ...missing.map((id) => ({ id, revision: null, span: null }))];
  });
}

/** Notes what was written. */
export function note(written) {
  return change((entries) => {
    const fresh = new Map(written.map((entry) => [entry.id, entry]));
    return [...entries.filter(({ id }) => !fresh.has(id)), ...fresh.values()];
  });
}

/** Takes entries out whose sessions are gone, but not those that were written anew since they were read. */
export function forget(gone) {
  const revisions = new Map(gone.map(({ id, revision }) => [id, revision]));
  const isGone = ({ id, revision }) => revisions.has(id) && revisions.get(id) === revision;
  return change((entries) => entries.filter((entry) => !isGone(entry)));
}

function change(edit) {
  const changed = last.then(() => changeNow(edit));
  last = changed.catch(() => {});
  return changed;
}

async function changeNow(edit) {
  for (;;) {
    const found = await storage.get(LIST);
    const entries = found ? JSON.parse(new TextDecoder().decode(found.data)) : [];
    const next = edit(entries);
    if (JSON.stringify(next) === JSON.stringify(entries)) return;
    try {
      await storage.setJson(LIST, next, { ifRevision: found?.info.revision ?? null });
      return;
    } catch (error) {
      // Another tab was faster: its list is the one to change.
      if (error.code !== "ERR_SESSION_CONFLICT") throw error;
    }
  }
}
