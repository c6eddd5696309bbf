import { checkDelegate, capabilitiesOf } from "../delegate.js";
import { toMillis } from "../duration.js";
import { generateSessionId, isWellFormed } from "../id.js";
import { checkTag, invalid, timeoutNumber } from "../options.js";
import { Signer } from "../ticket.js";
import type { SessionStorage, StorageCapabilities } from "../types.js";
import type { Carrier, RequestHeaders } from "./carriers.js";
import { Events } from "./events.js";
import type { CommonOptions, SessionEvent, SessionOptions, StandardSchema } from "./options.js";
import { Records } from "./records.js";
import { RequestSession } from "./request-session.js";
import type { OpenSession } from "./session.js";
import { StoredSessions } from "./stored.js";

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
    this.events = new Events(name, options.onEvent);
  }

  tell(type: SessionEvent["type"]): void {
    this.events.tell(type);
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
  readonly #signer: Signer | undefined;

  constructor(
    name: string,
    storage: SessionStorage,
    options: SessionOptions<T>,
    carrier: (options: any) => Carrier,
  ) {
    super(name, options, carrier);
    const { onConflict = "merge", tags = [], generateId = generateSessionId, secrets } = options;
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
    this.#signer = secrets === undefined ? undefined : new Signer(secrets);
    this.stored = new StoredSessions(this);
  }

  open(request: RequestHeaders): OpenSession<T> {
    return new RequestSession(this, request);
  }

  ticketOf(id: string): string {
    return this.#signer?.sign(id) ?? id;
  }

  /** The id in a ticket, or `undefined` for one that we have not given. Only a signature tells of one that we have. */
  idIn(ticket: string): { id: string; byNewest: boolean; isOurs: boolean } | undefined {
    if (this.#signer !== undefined) {
      const verified = this.#signer.check(ticket);
      return verified && { ...verified, isOurs: true };
    }
    const isId = ticket !== "" && ticket.length <= 1024 && isWellFormed(ticket);
    return isId ? { id: ticket, byNewest: true, isOurs: false } : undefined;
  }
}

function checkFunctions(options: object, ...names: string[]): void {
  for (const name of names) {
    const given = (options as Record<string, unknown>)[name];
    if (given !== undefined && typeof given !== "function") throw invalid(`${name} must be a function`);
  }
}
