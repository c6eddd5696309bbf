/** The codes of {@link SessionError}. The same words in every storage and runtime. */
export type SessionErrorCode =
  /** There is no such session, or it has expired. */
  | "ERR_SESSION_NOT_FOUND"
  /** The session has moved on to another revision, or was invalidated after this write began. */
  | "ERR_SESSION_CONFLICT"
  /** An id that is not a non-empty string of at most 1,024 bytes of UTF-8. */
  | "ERR_SESSION_INVALID_ID"
  /** The content is larger than `maxSessionBytes`. */
  | "ERR_SESSION_TOO_LARGE"
  /** The storage is full, or the platform's quota is exceeded. */
  | "ERR_SESSION_QUOTA"
  /** What is stored is damaged, or is not JSON where JSON was asked for. */
  | "ERR_SESSION_CORRUPT"
  /** The storage, or the channel, has been closed. */
  | "ERR_SESSION_CLOSED"
  /** This storage cannot do it: see its `capabilities`. */
  | "ERR_SESSION_UNSUPPORTED"
  /** An option or a value makes no sense. */
  | "ERR_SESSION_INVALID_OPTION"
  /** The medium failed; `cause` says how. */
  | "ERR_SESSION_STORAGE";

/**
 * What every storage rejects with, unless the failure is that of a callback of yours, which comes back as
 * it is. The message says what to do, and holds no id and no content.
 *
 * @example
 * ```js
 * try {
 *   await storage.read(id, consumer);
 * } catch (error) {
 *   if (error instanceof SessionError && error.code === "ERR_SESSION_NOT_FOUND") return login();
 *   throw error;
 * }
 * ```
 */
export class SessionError extends Error {
  /** What went wrong, for a program to act on. */
  readonly code: SessionErrorCode;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static {
    this.prototype.name = "SessionError";
  }
}
