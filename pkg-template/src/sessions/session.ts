import { invalid } from "../options.js";
import type { SentHeader } from "./carriers.js";

/** What a commit came to. `"ended"`: the session was invalidated meanwhile, and what this request made of it is dropped. */
export type Committed = "unchanged" | "touched" | "written" | "ended";

/**
 * The session of one request. It is loaded when it is first asked for. Its value is JSON: plain objects, arrays, strings,
 * numbers, booleans and null; anything else is refused with `ERR_SESSION_INVALID_OPTION`. A failure of the storage is a
 * `SessionError` of whatever was called.
 */
export interface Session<T> {
  /** The id, once it is loaded or stored. A secret: who has it, has the session. */
  readonly id: string | undefined;
  /** Whether nothing was stored when it was loaded, or nothing since `clear()`. */
  readonly isNew: boolean;
  /** The value, or `undefined` where there is no session. What is changed in it is stored by the commit. */
  get(): Promise<T | undefined>;
  /** Replaces the value. Others' changes of keys that this request leaves as they were are kept. */
  set(value: T): Promise<void>;
  /**
   * Makes a new value of the one that is there. The function runs again if another request has written meanwhile, so it
   * must do nothing else, and not be async. An object that `get` gave before is the session's no more. With a schema it is given
   * what that makes of the value.
   */
  update(update: (value: T | undefined) => T): Promise<T>;
  /** The value, made first where there is none. */
  getOrSet(make: () => T | PromiseLike<T>): Promise<T>;
  /** Keeps a message for the next request that asks for those of its kind, such as the page after a redirect. */
  flash(kind: string, message: string): Promise<void>;
  /** The messages of a kind, oldest first; the commit removes them. */
  flashes(kind: string): Promise<string[]>;
  /**
   * Ends the session, for good once this has resolved, and tells the client. A value set after begins another session. Rejects
   * where the storage failed: what is under the id has been ended then if it could be, but the session may have got another.
   */
  clear(): Promise<void>;
  /**
   * Gives the session a new id when it is committed; the old one is dead then. Do so when somebody logs in. A request that
   * comes with the old id has no session; for a minute, what it sets is dropped (`"ended"`), unless it regenerates or clears
   * too, so that its response does not take the new cookie from the client.
   */
  regenerate(): Promise<void>;
  /** Adds names under which the session can be found and revoked, such as a user's id. */
  tag(...tags: string[]): Promise<void>;
  /** Counts as activity, however short ago the last was. */
  touch(): Promise<void>;
  /** Stores what was changed. The adapters do so before a response's headers go out. */
  commit(): Promise<Committed>;
}

/** A session as the request's end sees it. */
export interface OpenSession<T> extends Session<T> {
  /** Whether anybody has asked for it: if not, there is nothing to commit. */
  readonly isUsed: boolean;
  /** As `commit`, where nothing need be waited for; `undefined`, with nothing done, where that is not so. */
  commitNow(): Committed | undefined;
  /** From now on nothing can be told to the client. */
  seal(): void;
  /** The header that the response needs, after the commit. */
  sent(): SentHeader | undefined;
}

export function checkKind(kind: unknown): void {
  if (typeof kind !== "string" || kind === "") throw invalid("the kind of a flash message must be a string");
}

export function checkFlash(kind: unknown, message: unknown): void {
  checkKind(kind);
  if (typeof message !== "string") throw invalid("a flash message must be a string");
}
