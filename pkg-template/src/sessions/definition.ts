import { checkDelegate, capabilitiesOf } from "../delegate.js";
import { toMillis } from "../duration.js";
import { SessionError } from "../error.js";
import { generateSessionId } from "../id.js";
import { checkTag, invalid, timeoutNumber } from "../options.js";
import type { Verified } from "../ticket.js";
import type { SessionStorage, StorageCapabilities } from "../types.js";
import type { Carrier, RequestHeaders } from "./carriers.js";
import { Events } from "./events.js";
import type { CommonOptions, SessionEvent, SessionOptions, StandardSchema } from "./options.js";
import { Records } from "./records.js";
import { RequestSession } from "./request-session.js";
import type { OpenSession } from "./session.js";
import { StoredSessions } from "./stored.js";
import { firstOf, ticketsOf, type Tickets } from "./tickets.js";

/** A kind of session: its name, storage and options, all checked. Made by `cookie` and `header`. */
export interface SessionDefinition<T> {
  /** The cookie's or header's name. */
  readonly name: string;
  /** Only for the types: what a session of this kind holds. */
  readonly holds?: T;
}

/** What stands behind a {@link SessionDefinition}, wherever its sessions are kept. */
export abstract class Definition<T> implements SessionDefinition<T> {
  readonly name: string;
  readonly carrier: Carrier;
  readonly schema: StandardSchema<T> | undefined;
  readonly clock: () => number;
  readonly rolling: boolean;
  readonly touchAfter: number | undefined;
  readonly events: Events;
  readonly options: CommonOptions<T>;

  constructor(name: string, options: CommonOptions<T>, carrier: (options: any) => Carrier) {
    if (typeof options !== "object" || options === null) throw invalid("options must be an object");
    const { rolling = false, touchAfter, schema, clock = Date.now } = options;
    this.name = name;
    this.carrier = carrier(options);
    if (typeof rolling !== "boolean") throw invalid("rolling must be true or false");
    checkFunctions(options, "onInvalid", "onEvent", "clock");
    timeoutNumber(options.idleTimeout, "idleTimeout");
    timeoutNumber(options.absoluteTimeout, "absoluteTimeout");
    if (schema !== undefined && typeof schema["~standard"]?.validate !== "function") {
      throw invalid("schema must be one of Standard Schema");
    }
    this.rolling = rolling;
    this.touchAfter = touchAfter === undefined ? undefined : toMillis(touchAfter, "touchAfter");
    this.schema = schema;
    this.clock = clock;
    this.options = { ...options };
    // Or whoever logs a definition logs them.
    delete (this.options as { secrets?: unknown }).secrets;
    this.events = new Events(name, options.onEvent);
  }

  tell(type: SessionEvent["type"]): void {
    this.events.tell(type);
  }

  /** The value as the next request will load it, where there is a schema; an error for what that refuses. */
  async validated(text: string | undefined): Promise<T | undefined> {
    if (text === undefined || this.schema === undefined) return undefined;
    const result = await this.schema["~standard"].validate(JSON.parse(text));
    if (result.issues === undefined) return result.value;
    throw new SessionError("ERR_SESSION_INVALID_OPTION", "the schema refuses the session's value", {
      cause: result.issues,
    });
  }

  abstract open(request: RequestHeaders): OpenSession<T>;
}

/** Sessions in a storage, of which the client holds the id. */
export class StoredDefinition<T> extends Definition<T> {
  declare readonly options: SessionOptions<T>;
  readonly records: Records;
  readonly capabilities: StorageCapabilities;
  readonly stored: StoredSessions<T>;
  readonly onConflict: "merge" | "error" | "overwrite";
  readonly tags: readonly string[];
  readonly generateId: () => string | PromiseLike<string>;
  readonly #tickets: Tickets;

  constructor(
    name: string,
    storage: SessionStorage,
    options: SessionOptions<T>,
    carrier: (options: any) => Carrier,
  ) {
    super(name, options, carrier);
    const { onConflict = "merge", tags = [], generateId = generateSessionId, secrets, seal } = options;
    this.records = new Records(checkDelegate(storage));
    this.capabilities = capabilitiesOf(storage);
    if (!["merge", "error", "overwrite"].includes(onConflict)) {
      throw invalid('onConflict must be "merge", "error" or "overwrite"');
    }
    if (onConflict !== "overwrite" && !this.capabilities.conditional) {
      throw invalid('this storage has no conditional writes: only onConflict: "overwrite" can be promised');
    }
    checkFunctions(options, "generateId");
    if (!Array.isArray(tags)) throw invalid("tags must be an array of strings");
    if (tags.length > 0 && !this.capabilities.tags) throw invalid("this storage has no tags");
    this.onConflict = onConflict;
    this.tags = tags.map(checkTag);
    this.generateId = generateId;
    this.#tickets = ticketsOf(name, secrets, seal);
    this.stored = new StoredSessions(this);
  }

  open(request: RequestHeaders): OpenSession<T> {
    return new RequestSession(this, request);
  }

  ticketOf(id: string): string {
    return this.#tickets.of(id);
  }

  /** Whether only those tickets are taken that we have given. */
  get areOurs(): boolean {
    return this.#tickets.areOurs;
  }

  /** The id in the ticket that a request has brought, or `undefined` for one that we cannot have given. */
  idOf(ticket: string, request: RequestHeaders): Verified | undefined {
    const found = this.#tickets.idIn(ticket);
    if (found !== undefined || !this.#tickets.areOurs) return found;
    return firstOf(this.carrier.others(request), this.#tickets.idIn);
  }
}

function checkFunctions(options: object, ...names: string[]): void {
  for (const name of names) {
    const given = (options as Record<string, unknown>)[name];
    if (given !== undefined && typeof given !== "function") throw invalid(`${name} must be a function`);
  }
}
