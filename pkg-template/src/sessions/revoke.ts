import { SessionError } from "../error.js";
import { movedTag } from "./moved.js";
import type { Records } from "./records.js";

/** So often sessions can be given another id just as they are to be ended, before the call fails. */
const ROUNDS = 64;

/**
 * Ends all sessions of a storage that carry a tag; resolves with how many. A session that is given another id just then is
 * under the new one when the old one is looked at: it has left a mark, so whoever finds one that is new looks again.
 */
export async function revoke(records: Records, tag: string): Promise<number> {
  if (!records.listsTagged) return records.invalidateTagged(tag);
  const known = new Set<string>();
  await newMarks(records, tag, known);
  let count = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    count += await records.invalidateTagged(tag);
    if ((await newMarks(records, tag, known)) === 0) return count;
  }
  throw new SessionError(
    "ERR_SESSION_CONFLICT",
    "sessions of this tag are given other ids again and again; try once more",
  );
}

/** Notes the marks of sessions of this tag; answers how many were not known yet. */
async function newMarks(records: Records, tag: string, known: Set<string>): Promise<number> {
  const before = known.size;
  for await (const { revision } of records.listTagged(movedTag(tag))) known.add(revision);
  return known.size - before;
}
