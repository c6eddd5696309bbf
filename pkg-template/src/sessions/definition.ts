import { capabilitiesOf, checkDelegate } from "../delegate.js";
import { toMillis } from "../duration.js";
import { generateSessionId, isWellFormed } from "../id.js";
import { checkTag, invalid, timeoutNumber } from "../options.js";
import { Signer } from "../ticket.js";
import type { SessionStorage, StorageCapabilities } from "../types.js";
import { checkCookie, checkToken, cookieValue, setCookie } from "./cookie-header.js";
import type { CookieOptions, SessionEvent, SessionOptions, StandardSchema } from "./options.js";
import { Records } from "./records.js";

/** A kind of session: its name, storage and options, all checked. Made by {@link cookie} and {@link header}. */
export interface SessionDefinition<T> {
  /** The cookie's or header's name. */
  readonly name: string;
  /** Only for the types: what a session of this kind holds. */
  readonly holds?: T;
}

/** How the client holds an id. */
export interface Carrier {
  /** Two sessions of one key would take each other for their own. */
  readonly key: string;
  read(headers: RequestHeaders): string | undefined;
  /** The header that gives the client a ticket for so many milliseconds, or takes it away. */
  give(ticket: string, lifetime: number | undefined, headers: RequestHeaders): SentHeader;
  take(headers: RequestHeaders): SentHeader;
}

/** A request as far as a session needs it. */
export interface RequestHeaders {
  /** The value of a header, by its name in lower case; of one that came several times, as a `Headers` would give it. */
  header(name: string): string | undefined;
  /** Whether the client came by https, so far as the server itself knows. */
  readonly isHttps: boolean;
}

/** A header for the response. One of `set-cookie` goes beside those that are there. */
export type SentHeader = readonly [name: "set-cookie" | (string & {}), value: string];

/** A session that travels in a cookie. Throws `ERR_SESSION_INVALID_OPTION` for what a browser would drop, or makes no sense. */
export function cookie<T>(
  name: string,
  storage: SessionStorage,
  options: CookieOptions<T> = {},
): SessionDefinition<T> {
  const definition = new Definition<T>(name, storage, options, () => cookieCarrier(name, options));
  return definition;
}

/**
 * A session that travels in a header, for clients without cookies. The response carries it when it is new, and empty when
 * it has ended. Throws as {@link cookie}.
 */
export function header<T>(
  name: string,
  storage: SessionStorage,
  options: SessionOptions<T> = {},
): SessionDefinition<T> {
  return new Definition<T>(name, storage, options, () => headerCarrier(name));
}

function cookieCarrier<T>(name: string, options: CookieOptions<T>): Carrier {
  const attributes = checkCookie(name, options as Parameters<typeof checkCookie>[1]);
  const { maxAge, trustProxy = false } = options;
  if (typeof trustProxy !== "boolean") throw invalid("trustProxy must be true or false");
  const fixed = maxAge == null ? maxAge : toMillis(maxAge, "maxAge");
  const isHttps = (request: RequestHeaders): boolean => {
    const forwarded = trustProxy ? request.header("x-forwarded-proto") : undefined;
    return forwarded === undefined ? request.isHttps : /^\s*https\s*(?:,|$)/i.test(forwarded);
  };
  return {
    key: `cookie ${name}`,
    read: (request) => cookieValue(request.header("cookie") ?? "", name),
    give: (ticket, lifetime, request) => {
      const age = fixed === undefined ? lifetime : (fixed ?? undefined);
      const seconds = age === undefined ? undefined : Math.max(1, Math.ceil(age / 1000));
      return ["set-cookie", setCookie(name, ticket, attributes, seconds, isHttps(request))];
    },
    take: (request) => ["set-cookie", setCookie(name, "", attributes, 0, isHttps(request))],
  };
}

function headerCarrier(name: string): Carrier {
  checkToken(name, "a header's name");
  const lower = name.toLowerCase();
  if (["cookie", "set-cookie", "host", "content-length"].includes(lower)) {
    throw invalid("a header that carries a session needs a name of its own");
  }
  return {
    key: `header ${lower}`,
    read: (request) => request.header(lower) || undefined,
    give: (ticket) => {
      if (!/^[\x21-\x7e]+$/.test(ticket)) throw invalid("an id for a header must be visible ASCII");
      return [name, ticket];
    },
    take: () => [name, ""],
  };
}

/** What stands behind a {@link SessionDefinition}. */
export class Definition<T> implements SessionDefinition<T> {
  readonly name: string;
  readonly carrier: Carrier;
  readonly records: Records;
  readonly capabilities: StorageCapabilities;
  readonly onConflict: "merge" | "error" | "overwrite";
  readonly rolling: boolean;
  readonly touchAfter: number | undefined;
  readonly tags: readonly string[];
  readonly schema: StandardSchema<T> | undefined;
  readonly options: SessionOptions<T>;
  readonly clock: () => number;
  readonly generateId: () => string | PromiseLike<string>;
  readonly #signer: Signer | undefined;

  constructor(name: string, storage: SessionStorage, options: SessionOptions<T>, carrier: () => Carrier) {
    if (typeof options !== "object" || options === null) throw invalid("options must be an object");
    const { onConflict = "merge", rolling = false, touchAfter, tags = [], schema } = options;
    this.name = name;
    this.carrier = carrier();
    this.records = new Records(checkDelegate(storage));
    this.capabilities = capabilitiesOf(storage);
    if (!["merge", "error", "overwrite"].includes(onConflict)) {
      throw invalid('onConflict must be "merge", "error" or "overwrite"');
    }
    if (onConflict !== "overwrite" && !this.capabilities.conditional) {
      throw invalid('this storage has no conditional writes: only onConflict: "overwrite" can be promised');
    }
    if (typeof rolling !== "boolean") throw invalid("rolling must be true or false");
    for (const option of ["onInvalid", "onEvent", "generateId", "clock"] as const) {
      const given: unknown = options[option];
      if (given !== undefined && typeof given !== "function") throw invalid(`${option} must be a function`);
    }
    timeoutNumber(options.idleTimeout, "idleTimeout");
    timeoutNumber(options.absoluteTimeout, "absoluteTimeout");
    if (!Array.isArray(tags)) throw invalid("tags must be an array of strings");
    if (tags.length > 0 && !this.capabilities.tags) throw invalid("this storage has no tags");
    if (schema !== undefined && typeof schema["~standard"]?.validate !== "function") {
      throw invalid("schema must be one of Standard Schema");
    }
    this.onConflict = onConflict;
    this.rolling = rolling;
    this.touchAfter = touchAfter === undefined ? undefined : toMillis(touchAfter, "touchAfter");
    this.tags = tags.map(checkTag);
    this.schema = schema;
    this.options = { ...options };
    this.clock = options.clock ?? Date.now;
    this.generateId = options.generateId ?? generateSessionId;
    this.#signer = options.secrets === undefined ? undefined : new Signer(options.secrets);
  }

  ticketOf(id: string): string {
    return this.#signer?.sign(id) ?? id;
  }

  /** The id in a ticket, or `undefined` for one that we have not given. */
  idIn(ticket: string): { id: string; byNewest: boolean } | undefined {
    if (this.#signer !== undefined) return this.#signer.check(ticket);
    const isId = ticket !== "" && ticket.length <= 1024 && isWellFormed(ticket);
    return isId ? { id: ticket, byNewest: true } : undefined;
  }

  tell(type: SessionEvent["type"]): void {
    try {
      this.options.onEvent?.({ type, name: this.name });
    } catch {
      // A log that fails must not cost a session.
    }
  }
}
