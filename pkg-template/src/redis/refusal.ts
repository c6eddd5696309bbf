import { SessionError } from "../error.js";

export function tooLarge(limit: number): SessionError {
  return new SessionError(
    "ERR_SESSION_TOO_LARGE",
    `a session's content is limited to ${limit} bytes (maxSessionBytes)`,
  );
}

/** Why something was not done. */
export function refusal(why: string): SessionError {
  switch (why) {
    case "conflict":
      return new SessionError(
        "ERR_SESSION_CONFLICT",
        "the session has another revision than the write is for; read it again",
      );
    case "fenced":
      return new SessionError(
        "ERR_SESSION_CONFLICT",
        "the session was invalidated while this write was under way",
      );
    case "late":
      return new SessionError(
        "ERR_SESSION_STORAGE",
        "what was asked came to the server too late, and was not done",
      );
    case "slow":
      return new SessionError(
        "ERR_SESSION_STORAGE",
        "a write in pieces may take an hour; this one took longer",
      );
    case "replaced":
      return new SessionError(
        "ERR_SESSION_STORAGE",
        "the session was replaced, and its reader paused for more than a minute; read it again",
      );
    default:
      return new SessionError(
        "ERR_SESSION_STORAGE",
        "pieces of the write were lost on the server; try again",
      );
  }
}
