// What came of an action: told where it was asked for, and to who listens; with what to do where it went wrong.
import { element } from "./dom.mjs";
import { PageError } from "./sessions.mjs";

const ADVICE = {
  ERR_SESSION_NOT_FOUND:
    "It was invalidated or has expired, or the id has a typing error. A write makes it anew.",
  ERR_SESSION_CONFLICT:
    "Nothing was changed. Read the session again, and write on the revision that is there now.",
  ERR_SESSION_INVALID_ID: "Give an id of at most 1,024 bytes.",
  ERR_SESSION_TOO_LARGE: "Write less into one session.",
  ERR_SESSION_QUOTA: "Nothing was changed. Invalidate sessions, or let the browser keep more (see “Room”).",
  ERR_SESSION_CORRUPT: "What was left of it has been put away; the next write begins a new session.",
  ERR_SESSION_CLOSED: "Load the page again.",
  ERR_SESSION_UNSUPPORTED:
    "This browser does not let the page keep anything: leave its private mode, or allow site data.",
  ERR_SESSION_INVALID_OPTION: "Correct it, and try again.",
  ERR_SESSION_STORAGE:
    "Try again. If it stays, the browser's storage is damaged or locked: load the page again.",
};

/** Shows a success. */
export function tell(place, ...words) {
  show(place, "good", words);
}

/** Shows why something failed: its code, what happened, and what to do. */
export function tellError(place, error) {
  const code = error?.code;
  if (error instanceof PageError) show(place, "bad", [error.message]);
  else if (error?.name === "AbortError") show(place, "bad", ["Given up. The session is as it was."]);
  else if (ADVICE[code])
    show(place, "bad", [element("code", {}, code), ` ${sentence(error.message)} ${ADVICE[code]}`]);
  else
    show(place, "bad", [
      element("code", {}, error?.name ?? "Error"),
      ` ${sentence(String(error?.message ?? error))}`,
    ]);
}

/** Awaits `work` and shows what it answers, or why it failed. Answers whether it went well. */
export async function told(place, work) {
  place.replaceChildren();
  try {
    const words = await work();
    if (words !== undefined) tell(place, ...[words].flat());
    return true;
  } catch (error) {
    tellError(place, error);
    return false;
  }
}

function show(place, state, words) {
  place.replaceChildren(...words);
  place.dataset.state = state;
}

const sentence = (text) => {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
};
