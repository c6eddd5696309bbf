import type { SecretList } from "../secrets.js";
import type { Duration } from "../types.js";

/** What a validator of Standard Schema (version 1) is, such as those of zod, valibot and arktype. */
export interface StandardSchema<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** What a schema makes of a value. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** A session that is stored and cannot be used (S7). Never its id. */
export interface InvalidSession {
  /** The cookie's or header's name. */
  readonly name: string;
  /** Whether what is stored is damaged or no JSON, or the schema refuses it. */
  readonly reason: "damaged" | "schema";
  /** The storage's or parser's error, or the schema's issues, which may quote the content. */
  readonly cause: unknown;
}

/** What happened to a session, for logs and counters. Never its id. */
export interface SessionEvent {
  readonly type: "created" | "renewed" | "regenerated" | "invalidated" | "conflict" | "unknown";
  /** The cookie's or header's name. */
  readonly name: string;
}

/** The options of every session, however it travels. */
export interface SessionOptions<T> {
  /**
   * Signs the ids: newest first, the first signs, all verify. An id that an older one has signed is sent again. The text is
   * that of express-session and `cookie-signature`. Default: ids are not signed; they are 256 random bits.
   */
  secrets?: SecretList | undefined;
  /** The session expires without activity for this long. Default: the storage's. */
  idleTimeout?: Duration | null | undefined;
  /** The session expires this long after it was created, also under another id. Default: the storage's. */
  absoluteTimeout?: Duration | null | undefined;
  /** Whether each write and touch sends the cookie or header again. Default: false. */
  rolling?: boolean | undefined;
  /**
   * A session with an idle timeout is touched when it was read and its last activity is so long ago. Default: a tenth of
   * its idle timeout, at most one minute.
   */
  touchAfter?: Duration | undefined;
  /**
   * What a commit does when another request has written meanwhile. `"merge"` (the default): `update` functions run again,
   * all else is merged by key. `"error"`: it rejects with `ERR_SESSION_CONFLICT`. `"overwrite"`: the last one wins. The
   * first two need a storage that is `conditional`.
   */
  onConflict?: "merge" | "error" | "overwrite" | undefined;
  /** Told of a stored session that cannot be used; the request has none then. What it throws reaches who asked. */
  onInvalid?: ((report: InvalidSession) => void | PromiseLike<void>) | undefined;
  /** Told what happens. What it throws is ignored. */
  onEvent?: ((event: SessionEvent) => void) | undefined;
  /** Makes new ids. They must not be guessed. Default: `generateSessionId`. */
  generateId?: (() => string | PromiseLike<string>) | undefined;
  /** Checks what is loaded, and what is to be stored. */
  schema?: StandardSchema<T> | undefined;
  /** Tags of every new session. */
  tags?: readonly string[] | undefined;
  /** Where time comes from; it must be the storage's own. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** The options of `cookie`. */
export interface CookieOptions<T> extends SessionOptions<T> {
  /** Default: the host that sets it, and no other. */
  domain?: string | undefined;
  /** Default: `"/"`. */
  path?: string | undefined;
  /** Default: `"lax"`. */
  sameSite?: "lax" | "strict" | "none" | undefined;
  /** Whether scripts of the page cannot see it. Default: true. */
  httpOnly?: boolean | undefined;
  /** Whether it is kept apart for each site that embeds this one (CHIPS). Default: false. */
  partitioned?: boolean | undefined;
  /** `"auto"` (the default): where the request came by https, or the name's prefix or another option demands it. */
  secure?: boolean | "auto" | undefined;
  /** Whether `x-forwarded-proto` says how a request came. Only behind a proxy that sets it. Default: false. */
  trustProxy?: boolean | undefined;
  /**
   * How long a browser keeps it; `null`: until it is closed. Default: as long as `absoluteTimeout` lets the session live,
   * or, if `rolling`, the shorter of both timeouts; `null` without those.
   */
  maxAge?: Duration | null | undefined;
}
