import { Sealer } from "../ticket.js";

/**
 * For how long an id that a session has given up is known as such, in milliseconds: as long as a request that was sent with
 * it, before the client knew the new one, may take.
 */
export const MOVED_FOR = 60_000;

const MARK = "moved:";
const NAME = "moved";
/** Before the old id, the key: long enough for an id of any length. */
const KEY = "sessile: the key to where a session moved: ";

/**
 * What is stored under an id that a session has given up. A request that still comes with it has no session: whoever
 * planted that id before a login must not come in with it. But it is told from one that nobody knows: the client keeps its
 * cookie, which may be the new one by then, and a logout ends the session where it is now.
 *
 * The new id is sealed by the old one, which is stored nowhere.
 */
export function movedTo(oldId: string, newId: string): string {
  return MARK + sealer(oldId).seal(NAME, newId);
}

/** So much of a tag, in code points, that with what stands before it it is a tag of any storage. */
const TAG_LENGTH = 128;

/** In place of a tag of the session, what is left under the old id carries this one: by it the change of the id is found. */
export function movedTag(tag: string): string {
  return `sessile moved: ${Array.from(tag.slice(0, 2 * TAG_LENGTH))
    .slice(0, TAG_LENGTH)
    .join("")}`;
}

/** Whether this is no session's content, but says that the session has moved. */
export function isMoved(text: string): boolean {
  // No JSON begins so.
  return text.startsWith(MARK);
}

/** The id that the session has now. */
export function newIdIn(oldId: string, text: string): string | undefined {
  const opened = sealer(oldId).open(NAME, text.slice(MARK.length));
  return opened && new TextDecoder().decode(opened.data);
}

function sealer(oldId: string): Sealer {
  return new Sealer([KEY + oldId]);
}
