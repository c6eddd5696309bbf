import { capabilitiesOf, checkDelegate } from "../delegate.js";
import { SessionError } from "../error.js";
import { checkId } from "../id.js";
import { checkObject, invalid } from "../options.js";
import { Records } from "../sessions/records.js";
import { inTurn } from "../sessions/turns.js";
import type { SessionInfo, SessionStorage } from "../types.js";

/** What the stores of keys and values take. */
export interface ItemOptions {
  /** Stands before each key, so that several stores can share a storage. Default: none. */
  prefix?: string | undefined;
  /**
   * Keeps each key readable beside its value, as a tag, so that keys can be listed. Without it a storage outside of the
   * process's memory holds no key, only hashes; leave it off where keys are secrets, such as ids of sessions. Default: false.
   */
  listKeys?: boolean | undefined;
}

/** What a group of keys is called in its tags: no two groups share any. */
const GROUP = "items of ";
const KEY = "item ";

/** Keys and values of another library in a storage. */
export class Items {
  readonly #records: Records;
  readonly #prefix: string;
  readonly #listKeys: boolean;
  readonly #hasTags: boolean;

  constructor(storage: SessionStorage, options: ItemOptions) {
    this.#records = new Records(checkDelegate(storage));
    checkObject(options);
    const { prefix = "", listKeys = false } = options;
    if (typeof prefix !== "string") throw invalid("prefix must be a string");
    if (typeof listKeys !== "boolean") throw invalid("listKeys must be true or false");
    this.#hasTags = capabilitiesOf(storage).tags;
    if (listKeys && !this.#hasTags) throw invalid("this storage has no tags, which listKeys needs");
    this.#prefix = prefix;
    this.#listKeys = listKeys;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#records.bytes(this.#id(key)))?.data;
  }

  async info(key: string): Promise<SessionInfo | undefined> {
    return this.#records.info(this.#id(key));
  }

  /**
   * Stores a value, for so many milliseconds; `null` is for ever, and zero or less is over already.
   *
   * @param group what `clear` and `keys` find the key by, beside all keys
   */
  async set(key: string, value: string | Uint8Array, lifetime: number | null, group?: string): Promise<void> {
    if (lifetime !== null && lifetime <= 0) {
      await this.remove(key);
      return;
    }
    const id = this.#id(key);
    const tags = [this.#tag(), ...(group === undefined ? [] : [this.#tag(group)])];
    if (this.#listKeys) tags.push(KEY + id);
    // A value's time begins with its write, also where there was one before.
    const options = { idleTimeout: lifetime, absoluteTimeout: null };
    await this.#inTurn(key, () =>
      this.#records.put(id, value, this.#hasTags ? { ...options, tags } : options),
    );
  }

  async remove(key: string): Promise<boolean> {
    return this.#inTurn(key, () => this.#records.invalidate(this.#id(key)));
  }

  async clear(group?: string): Promise<void> {
    await this.#records.invalidateTagged(this.#tag(group));
  }

  /** The keys, in no order. */
  async *keys(group?: string): AsyncGenerator<string, void, undefined> {
    if (!this.#listKeys) {
      throw new SessionError(
        "ERR_SESSION_UNSUPPORTED",
        "a storage holds hashes of keys; give the option listKeys: true to keep the keys too",
      );
    }
    for await (const { tags } of this.#records.listTagged(this.#tag(group))) {
      for (const tag of tags) {
        if (tag.startsWith(KEY + this.#prefix)) yield tag.slice(KEY.length + this.#prefix.length);
      }
    }
  }

  /** Calls of the same key happen as they were made, waited for or not: else a remove would end a set that came after it. */
  #inTurn<R>(key: string, work: () => Promise<R>): Promise<R> {
    return inTurn(this, key, work);
  }

  #id(key: string): string {
    checkId(key);
    return this.#prefix + key;
  }

  #tag(group = ""): string {
    return GROUP + JSON.stringify([this.#prefix, group]);
  }
}
