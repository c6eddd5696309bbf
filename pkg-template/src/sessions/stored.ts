import { checkId } from "../id.js";
import type { SessionInfo, WriteOptions } from "../types.js";
import type { Content } from "./changes.js";
import type { StoredDefinition } from "./definition.js";
import { join, split, type Flash } from "./flash.js";
import { checkStored, encode } from "./json.js";
import { MOVED_FOR, isMoved, movedTag, movedTo, newIdIn } from "./moved.js";
import { hasCode, type Found } from "./records.js";

/** What is known of a session that is stored. */
export interface Kept extends Content {
  readonly id: string;
  readonly info: SessionInfo;
  /** Whether it was made by this request, so that the storage's part of the info is not known. */
  readonly isOwn?: boolean;
}

/** A session as it was loaded. */
export interface Loaded<T> extends Kept {
  readonly value: T | undefined;
}

/** That something must be waited for. */
export const LATER = Symbol("later");

/** A change that still meets conflicts after so many rounds gives up. */
export const ROUNDS = 64;
/** New ids that are taken already: of a generator that has only a few. */
const ID_ROUNDS = 8;
/** A session that was given another id so often within a minute is followed no further. */
const MOVES = 16;

/** The sessions of one definition in its storage. */
export class StoredSessions<T> {
  readonly #definition: StoredDefinition<T>;

  constructor(definition: StoredDefinition<T>) {
    this.#definition = definition;
  }

  /** What is stored and can be used; of what cannot, `onInvalid` is told. */
  async read(id: string): Promise<Loaded<T> | "moved" | undefined> {
    const { records, schema } = this.#definition;
    let loaded: Loaded<T> | "moved";
    try {
      const found = await records.read(id);
      if (found === undefined) return undefined;
      loaded = parsed(id, found);
    } catch (error) {
      if (!(error instanceof SyntaxError) && !hasCode(error, "ERR_SESSION_CORRUPT")) throw error;
      return this.#report("damaged", error);
    }
    if (loaded === "moved" || schema === undefined || loaded.value === undefined) return loaded;
    const result = await schema["~standard"].validate(loaded.value);
    if (result.issues !== undefined) return this.#report("schema", result.issues);
    return { ...loaded, text: encode(result.value, true), value: result.value };
  }

  /** The same where nothing need be waited for, else {@link LATER}; so is what is wrong, and told by {@link read}. */
  readNow(id: string): Loaded<T> | "moved" | undefined | typeof LATER {
    const { records, schema } = this.#definition;
    if (schema !== undefined || !records.isNow) return LATER;
    try {
      const found = records.readNow(id);
      return found && parsed(id, found);
    } catch {
      return LATER;
    }
  }

  /** Writes a change where nothing need be waited for; `undefined`, with nothing done, where it fails. */
  writeNow({ id, flash, info }: Kept, text: string): string | undefined {
    try {
      return this.#definition.records.writeNow(id, join(text, flash), { ifRevision: info.revision });
    } catch {
      return undefined;
    }
  }

  async #report(reason: "damaged" | "schema", cause: unknown): Promise<undefined> {
    this.#definition.tell("invalid");
    await this.#definition.options.onInvalid?.({ name: this.#definition.name, reason, cause });
    return undefined;
  }

  /** Stores a session under a new id. */
  async create(
    text: string | undefined,
    flash: Flash,
    options: WriteOptions,
  ): Promise<{ id: string; revision: string }> {
    for (let round = 1; ; round += 1) {
      const id = await this.#definition.generateId();
      checkId(id);
      try {
        return { id, revision: await this.write(id, text, flash, { ...options, ifRevision: null }) };
      } catch (error) {
        if (!hasCode(error, "ERR_SESSION_CONFLICT") || round === ID_ROUNDS) throw error;
      }
    }
  }

  write(id: string, text: string | undefined, flash: Flash, options: WriteOptions): Promise<string> {
    return this.#write(id, join(text, flash), options);
  }

  /**
   * Gives up an id for another one, under the condition that nobody has changed or ended the session: what a parallel request
   * wrote is not lost, and a logout not undone.
   */
  async move({ id, info }: Kept, newId: string): Promise<void> {
    const { records, capabilities } = this.#definition;
    if (!capabilities.conditional) await records.invalidate(id);
    const tags = info.tags.length > 0 ? { tags: info.tags.map(movedTag) } : undefined;
    const options = { ifRevision: info.revision, idleTimeout: MOVED_FOR, ...tags };
    await this.#write(id, movedTo(id, newId), options);
  }

  /**
   * Ends the session that has or had this id, also under the one that it has since. Rejects where that is not known to be
   * so; what is under this id has been ended all the same, if the storage could.
   *
   * @param revision the session's, if it is known
   */
  async end(id: string, revision?: string): Promise<boolean> {
    let ended = false;
    let known = revision;
    let next: string | undefined = id;
    for (let moves = 0; next !== undefined && moves < MOVES; moves += 1) {
      const current: string = next;
      const closed = await this.#close(current, known).catch((error: unknown) => ({ error }));
      const removed = await this.#invalidate(current);
      // It may have gone to another id, and be there still.
      if ("error" in closed && !hasCode(closed.error, "ERR_SESSION_CORRUPT", "ERR_SESSION_INVALID_ID")) {
        throw closed.error;
      }
      const { wentTo, wasThere }: Closed = "error" in closed ? UNKNOWN : closed;
      ended ||= wasThere ?? removed;
      next = wentTo;
      known = undefined;
    }
    return ended;
  }

  /** Makes sure that a session goes to no other id any more, unless it has: then it is told where it went. */
  async #close(id: string, known: string | undefined): Promise<Closed> {
    const { records, capabilities } = this.#definition;
    const { conditional } = capabilities;
    let revision = known;
    let isFull = false;
    for (let round = 0; round < ROUNDS; round += 1) {
      if (revision === undefined) {
        const found = await records.read(id);
        if (found === undefined) return { wasThere: false };
        if (isMoved(found.text)) return { wasThere: false, wentTo: newIdIn(id, found.text) };
        revision = found.info.revision;
      }
      // Where there is no room nobody can give it another id either.
      if (!conditional || isFull) return UNKNOWN;
      try {
        await records.write(id, "", { ifRevision: revision });
        return { wasThere: true };
      } catch (error) {
        isFull = hasCode(error, "ERR_SESSION_QUOTA");
        if (!isFull && !hasCode(error, "ERR_SESSION_CONFLICT")) throw error;
        revision = undefined;
      }
    }
    return UNKNOWN;
  }

  async #invalidate(id: string): Promise<boolean> {
    try {
      return await this.#definition.records.invalidate(id);
    } catch (error) {
      if (hasCode(error, "ERR_SESSION_INVALID_ID")) return false;
      throw error;
    }
  }

  #write(id: string, content: string, options: WriteOptions): Promise<string> {
    const { records, capabilities } = this.#definition;
    const { ifRevision, ...unconditional } = options;
    return records.write(
      id,
      content,
      capabilities.conditional ? { ...unconditional, ifRevision } : unconditional,
    );
  }
}

interface Closed {
  readonly wasThere?: boolean;
  readonly wentTo?: string | undefined;
}

const UNKNOWN: Closed = {};

/** Throws `SyntaxError` for what no session can hold. */
function parsed<T>(id: string, { text: stored, info }: Found): Loaded<T> | "moved" {
  if (isMoved(stored)) return "moved";
  const { text, flash } = split(stored);
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  if (value !== undefined) checkStored(value);
  return { id, text, flash, value: value as T, info };
}
