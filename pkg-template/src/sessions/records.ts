import { SessionError, type SessionErrorCode } from "../error.js";
import { SessionStorageMemory } from "../memory.js";
import { notJson } from "../storage.js";
import type { BuiltInStorage, SessionInfo, SessionStorage, WriteOptions } from "../types.js";
import { decode } from "../window.js";

/** What a storage has under an id. */
export interface Found {
  readonly text: string;
  readonly info: SessionInfo;
}

/** Any storage, by its whole values where it has those; all failures are a `SessionError`. */
export class Records {
  readonly storage: SessionStorage;
  readonly #whole: Partial<BuiltInStorage>;

  constructor(storage: SessionStorage) {
    this.storage = storage;
    this.#whole = storage as Partial<BuiltInStorage>;
  }

  /** What is there. A session that moved to another id has left nothing behind. */
  async read(id: string): Promise<Found | undefined> {
    if (this.isNow) {
      try {
        return this.readNow(id);
      } catch (error) {
        if (hasCode(error, "ERR_SESSION_INVALID_ID")) return undefined;
        throw error;
      }
    }
    const found = await this.bytes(id);
    if (found === undefined || found.data.length === 0) return undefined;
    try {
      return { text: decode(found.data), info: found.info };
    } catch (cause) {
      throw notJson(cause);
    }
  }

  /** Whether the storage answers at once, by {@link readNow} and {@link writeNow}. */
  get isNow(): boolean {
    return SessionStorageMemory.isPlain(this.storage);
  }

  readNow(id: string): Found | undefined {
    try {
      const found = SessionStorageMemory.readNow(this.storage as SessionStorageMemory, id);
      return found?.text === "" ? undefined : found;
    } catch (error) {
      throw typed(error);
    }
  }

  writeNow(id: string, text: string, options: WriteOptions): string {
    try {
      return SessionStorageMemory.writeNow(this.storage as SessionStorageMemory, id, text, options);
    } catch (error) {
      throw typed(error);
    }
  }

  /** What is there, whatever it is. */
  async bytes(id: string): Promise<{ data: Uint8Array; info: SessionInfo } | undefined> {
    try {
      if (this.#whole.get !== undefined) return await this.#whole.get(id);
      return await this.storage.read(id, async (channel, info) => {
        const data = new Uint8Array(
          await new Response(channel as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
        );
        return { data, info };
      });
    } catch (error) {
      // An id that no storage takes is one that none has given.
      if (hasCode(error, "ERR_SESSION_NOT_FOUND", "ERR_SESSION_INVALID_ID")) return undefined;
      throw typed(error);
    }
  }

  async write(id: string, content: string | Uint8Array, options: WriteOptions): Promise<string> {
    try {
      if (this.#whole.set !== undefined) return await this.#whole.set(id, content, options);
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const provider = async (channel: WritableStream<Uint8Array>): Promise<void> => {
        await channel.getWriter().write(bytes);
      };
      return await this.storage.write(id, provider, options);
    } catch (error) {
      throw typed(error);
    }
  }

  /** Writes without a condition; `undefined` if the session was ended while that was under way. */
  async put(id: string, content: string | Uint8Array, options: WriteOptions): Promise<string | undefined> {
    try {
      return await this.write(id, content, options);
    } catch (error) {
      if (hasCode(error, "ERR_SESSION_CONFLICT")) return undefined;
      throw error;
    }
  }

  async invalidate(id: string): Promise<boolean> {
    try {
      return await this.storage.invalidate(id);
    } catch (error) {
      throw typed(error);
    }
  }

  /** Whether it can be told of activity without a write. */
  get touches(): boolean {
    return this.#whole.touch !== undefined;
  }

  async touch(id: string): Promise<boolean> {
    try {
      return (await this.#whole.touch?.(id)) ?? true;
    } catch (error) {
      throw typed(error);
    }
  }

  async info(id: string): Promise<SessionInfo | undefined> {
    try {
      if (this.#whole.info !== undefined) return await this.#whole.info(id);
      return (await this.bytes(id))?.info;
    } catch (error) {
      if (hasCode(error, "ERR_SESSION_INVALID_ID")) return undefined;
      throw typed(error);
    }
  }

  get listsTagged(): boolean {
    return this.#whole.listTagged !== undefined;
  }

  async *listTagged(tag: string): AsyncGenerator<SessionInfo, void, undefined> {
    if (this.#whole.listTagged === undefined) throw untagged();
    try {
      yield* this.#whole.listTagged(tag);
    } catch (error) {
      throw typed(error);
    }
  }

  async invalidateTagged(tag: string): Promise<number> {
    if (this.#whole.invalidateTagged === undefined) throw untagged();
    try {
      return await this.#whole.invalidateTagged(tag);
    } catch (error) {
      throw typed(error);
    }
  }
}

export function hasCode(error: unknown, ...codes: SessionErrorCode[]): boolean {
  return error instanceof SessionError && codes.includes(error.code);
}

function untagged(): SessionError {
  return new SessionError("ERR_SESSION_UNSUPPORTED", "this storage has no tags");
}

function typed(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  return new SessionError("ERR_SESSION_STORAGE", "the storage of sessions failed", { cause: error });
}
