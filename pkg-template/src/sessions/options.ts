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
  /**
   * | type | what |
   * | --- | --- |
   * | `created` | A session was stored for the first time. |
   * | `renewed` | A ticket of an older secret is replaced by one of the newest. |
   * | `regenerated` | It has a new id. |
   * | `invalidated` | It was ended by `clear()`. |
   * | `ended` | What a request made of it was dropped: it had been ended or given another id meanwhile. |
   * | `conflict` | Another request had written meanwhile; the change is made again on top, or refused. |
   * | `expired` | A ticket that we have signed is of no session any more. |
   * | `unknown` | A ticket is none of ours, or, without signatures, of no session. |
   * | `moved` | A request came with an id that its session had given up within the last minute. |
   * | `invalid` | What is stored cannot be used (`onInvalid`). |
   */
  readonly type:
    | "created"
    | "renewed"
    | "regenerated"
    | "invalidated"
    | "ended"
    | "conflict"
    | "expired"
    | "unknown"
    | "moved"
    | "invalid";
  /** The cookie's or header's name. */
  readonly name: string;
}

/** The options of every session, wherever it is kept. */
export interface CommonOptions<T> {
  /** The session expires without activity for this long. Default: the storage's; none without a storage. */
  idleTimeout?: Duration | null | undefined;
  /** The session expires this long after it was created, also under another id. Default as for `idleTimeout`. */
  absoluteTimeout?: Duration | null | undefined;
  /** Whether each write and touch sends the cookie or header again. Default: false. */
  rolling?: boolean | undefined;
  /**
   * A session with an idle timeout is touched when it was read and its last activity is so long ago. Default: a tenth of
   * its idle timeout, at most one minute.
   */
  touchAfter?: Duration | undefined;
  /** Told of a stored session that cannot be used; the request has none then. What it throws reaches who asked. */
  onInvalid?: ((report: InvalidSession) => void | PromiseLike<void>) | undefined;
  /** Told what happens. What it throws is ignored. */
  onEvent?: ((event: SessionEvent) => void) | undefined;
  /** Checks what is loaded, and what is to be stored. */
  schema?: StandardSchema<T> | undefined;
  /** Where time comes from; it must be the storage's own. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** The options of a session in a storage, however its id travels. */
export interface SessionOptions<T> extends CommonOptions<T> {
  /**
   * Signs the ids: newest first, the first signs, all verify. An id that an older one has signed is sent again. The text is
   * that of express-session and `cookie-signature`. Default: ids are not signed; they are 256 random bits.
   */
  secrets?: SecretList | undefined;
  /**
   * Whether the client holds its id sealed (XChaCha20-Poly1305, bound to the cookie's or header's name) in place of signed, so
   * that nobody learns from it what the storage and its logs have. Needs `secrets` of at least 32 bytes each. Default: false.
   */
  seal?: boolean | undefined;
  /**
   * What a commit does when another request has written meanwhile. `"merge"` (the default): `update` functions run again,
   * all else is merged by key. `"error"`: it rejects with `ERR_SESSION_CONFLICT`. `"overwrite"`: the last one wins. The
   * first two need a storage that is `conditional`.
   */
  onConflict?: "merge" | "error" | "overwrite" | undefined;
  /** Makes new ids. They must not be guessed. Default: `generateSessionId`. */
  generateId?: (() => string | PromiseLike<string>) | undefined;
  /** Tags of every new session. */
  tags?: readonly string[] | undefined;
}

/** How a cookie is sent. */
export interface CookieAttributesOptions {
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

/** The options of `cookie` with a storage. */
export interface CookieOptions<T> extends SessionOptions<T>, CookieAttributesOptions {}

/** The options of `cookie` without a storage: the cookie carries the whole session. */
export interface SealedCookieOptions<T> extends CommonOptions<T>, CookieAttributesOptions {
  /** Seal the cookie, newest first, each of at least 32 bytes: the first seals, all open. */
  secrets: SecretList;
}
