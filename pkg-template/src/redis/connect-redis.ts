import type { Buffer } from "node:buffer";
import type { Connection } from "./connection.js";

/** A session as connect-redis keeps it. */
export interface OldSession {
  /** Its JSON. */
  readonly content: Buffer;
  /** How long it would have lived on, in milliseconds; undefined for ever. */
  readonly left: number | undefined;
}

/** What `PTTL` answers where there is no time to tell. */
const [FOR_EVER, GONE] = [-1, -2];

/** The sessions that connect-redis has left: each is JSON under a prefix and the id itself. */
export class OldSessions {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async has(id: string): Promise<boolean> {
    const key = this.#prefix + id;
    return (await this.#connection.command(["EXISTS", key], key)) === 1;
  }

  async find(id: string): Promise<OldSession | undefined> {
    const key = this.#prefix + id;
    const [content, time] = await Promise.all([
      this.#connection.command(["GET", key], key),
      this.#connection.command(["PTTL", key], key),
    ]);
    const left = Number(time);
    // Its time may be over since the content was read.
    if (content === null || left === GONE || left === 0) return undefined;
    return { content: content as Buffer, left: left === FOR_EVER ? undefined : left };
  }

  /** Says whether it was there. */
  async remove(id: string): Promise<boolean> {
    const key = this.#prefix + id;
    return (await this.#connection.command(["DEL", key], key)) === 1;
  }
}
