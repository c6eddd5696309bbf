import type { Buffer } from "node:buffer";
import type { SessionInfo } from "../types.js";
import type { Connection, Reply } from "./connection.js";
import { hash } from "./hash.js";
import { INDEX, UNINDEX } from "./scripts.js";

/** Every so many writes with tags look at the oldest entries of an index. */
const TIDY_EVERY = 16;

/**
 * Which sessions may carry a tag: a sorted set for each, in which an entry stands before the session carries the tag and is
 * taken out some time after it no longer does. What counts is what the session's own record says.
 */
export class TagIndex {
  readonly #connection: Connection;
  readonly #prefix: string;
  #writes = 0;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  key(tag: string): string {
    return `${this.#prefix}tag:{${hash("sha256", tag, "base64url")}}`;
  }

  async add(indexes: readonly string[], name: string, until: number): Promise<void> {
    await Promise.all(indexes.map((index) => this.#connection.run(INDEX, index, [name], until)));
  }

  /** The names of sessions that may carry the tag, some at a time. */
  async *members(tag: string): AsyncGenerator<string[]> {
    const key = this.key(tag);
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const reply = await this.#connection.command(["ZSCAN", key, cursor, "COUNT", "100"], key);
      const [next, entries] = reply as readonly [Reply, readonly Reply[]];
      cursor = String(next);
      // Each name stands before its time.
      const names = entries.filter((_, at) => at % 2 === 0).map(String);
      const fresh = names.filter((name) => !seen.has(name));
      for (const name of fresh) seen.add(name);
      if (fresh.length > 0) yield fresh;
    } while (cursor !== "0");
  }

  /** Takes out sessions that do not carry the tag, unless they were put in just now. */
  async drop(tag: string, names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#connection.run(UNINDEX, this.key(tag), [...names]);
  }

  /** Now and then, after a write: looks whether the oldest entries are still true. Nobody waits for it. */
  tidy(tags: readonly string[], find: (name: string) => Promise<SessionInfo | undefined>): void {
    this.#writes += 1;
    const tag = tags[0];
    if (this.#writes % TIDY_EVERY !== 0 || tag === undefined) return;
    this.#tidy(tag, find).catch(() => {});
  }

  async #tidy(tag: string, find: (name: string) => Promise<SessionInfo | undefined>): Promise<void> {
    const key = this.key(tag);
    const names = ((await this.#connection.command(["ZRANGE", key, "0", "7"], key)) as readonly Buffer[]).map(
      String,
    );
    const infos = await Promise.all(names.map(find));
    await this.drop(
      tag,
      names.filter((_, at) => infos[at]?.tags.includes(tag) !== true),
    );
  }
}
