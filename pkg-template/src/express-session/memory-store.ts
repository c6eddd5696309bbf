import { SessionStorageMemory } from "../memory.js";
import { answer, type Callback } from "../stores/callback.js";
import { storeOver } from "../stores/express-session.js";
import type { SessionStoreMethods, SessionStoreOptions } from "../stores/session-store.js";
import type { MemoryOptions, SessionData, WriteOptions } from "../types.js";
import { Store } from "./store.js";

/** What is kept in memory unless the options say something else. */
const MAX_BYTES = 256 * 1024 * 1024;

/** The options of `MemoryStore`: the bounds of what is kept, and what a store of any storage takes. */
export interface MemoryStoreOptions
  extends
    Omit<SessionStoreOptions, "absoluteTimeout" | "clock" | "idleTimeout" | "prefix" | "tag">,
    MemoryOptions {}

type Methods = Omit<SessionStoreMethods, "all"> & {
  /** All sessions by their ids. */
  all(callback: (error: any, sessions?: Record<string, any>) => void): void;
  all(): Promise<Record<string, any>>;
};

const Parent = storeOver(Store) as unknown as new (
  storage: SessionStorageMemory,
  options?: SessionStoreOptions,
) => Store & SessionStoreMethods;

/**
 * Sessions in memory, the default. In place of the leak of its namesake it has bounds: what has expired is freed by later
 * writes, a session whose cookie has neither age nor date lives for a day without activity (`idleTimeout`), and beyond 256 MiB
 * (`maxBytes`) those that were not used for longest make room.
 */
class OurMemoryStore extends Parent {
  readonly #storage: ListedMemory;

  constructor(options: MemoryStoreOptions = {}) {
    const { maxBytes = MAX_BYTES, maxSessionBytes, maxSessions, whenFull, ...kept } = options;
    const storage = new ListedMemory({ maxBytes, maxSessionBytes, maxSessions, whenFull, clock: kept.clock });
    // Nobody shares it.
    super(storage, { ...kept, prefix: undefined });
    this.#storage = storage;
  }

  override all(callback?: Callback<any>): any {
    const all = async (): Promise<Record<string, unknown>> => {
      const sessions = Object.create(null) as Record<string, unknown>;
      for (const id of await this.#storage.ids()) {
        const session: unknown = await this.get(id);
        if (session !== undefined) sessions[id] = session;
      }
      return sessions;
    };
    return answer(all(), callback);
  }

  override length(callback?: Callback<number>): any {
    return answer(
      this.#storage.ids().then(({ length }) => length),
      callback,
    );
  }

  override clear(callback?: Callback): any {
    const clear = async (): Promise<void> => {
      for (const id of await this.#storage.ids()) await this.#storage.invalidate(id);
    };
    return answer(clear(), callback);
  }
}

export type MemoryStore = Store & Methods;
export const MemoryStore = OurMemoryStore as unknown as new (options?: MemoryStoreOptions) => MemoryStore;

/** A memory storage that knows its ids: a session is new where it is written by `set`. Those of sessions that are gone are forgotten as new ones come. */
class ListedMemory extends SessionStorageMemory {
  readonly #ids = new Set<string>();
  #round: Iterator<string, undefined> = this.#ids.values();

  /** Those of all sessions that are there. */
  async ids(): Promise<string[]> {
    for (const id of [...this.#ids]) await this.#forgetGone(id);
    return [...this.#ids];
  }

  override async set(id: string, data: SessionData, options?: WriteOptions): Promise<string> {
    const revision = await super.set(id, data, options);
    if (!this.#ids.has(id)) {
      this.#ids.add(id);
      for (let looked = 0; looked < 2; looked += 1) await this.#forgetGone(this.#next());
    }
    return revision;
  }

  /** One after another, round and round. */
  #next(): string | undefined {
    const next = this.#round.next();
    if (next.done !== true) return next.value;
    this.#round = this.#ids.values();
    return this.#round.next().value;
  }

  async #forgetGone(id: string | undefined): Promise<void> {
    if (id !== undefined && (await this.info(id)) === undefined) this.#ids.delete(id);
  }
}

SessionStorageMemory.isPlainToo(ListedMemory);
