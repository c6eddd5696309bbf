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
   * must do nothing else, and not be async. An object that `get` gave before is the session's no more.
   */
  update(update: (value: T | undefined) => T): Promise<T>;
  /** The value, made first where there is none. */
  getOrSet(make: () => T | PromiseLike<T>): Promise<T>;
  /** Ends the session, for good once this has resolved, and tells the client. A value set after begins another session. */
  clear(): Promise<void>;
  /** Gives the session a new id when it is committed; the old one is dead then. Do so when somebody logs in. */
  regenerate(): Promise<void>;
  /** Adds names under which the session can be found and revoked, such as a user's id. */
  tag(...tags: string[]): Promise<void>;
  /** Counts as activity, however short ago the last was. */
  touch(): Promise<void>;
  /** Stores what was changed. The adapters do so before a response's headers go out. */
  commit(): Promise<Committed>;
}
