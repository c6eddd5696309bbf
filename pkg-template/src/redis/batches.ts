import { Buffer } from "node:buffer";
import { failure, type Argument, type Connection, type Reply } from "./connection.js";
import type { Replacement } from "./replacement.js";
import { COMMIT, REPLACE, TOUCH } from "./scripts.js";

/** So many calls go into one command: the server does nothing else meanwhile, and a commit takes it ten microseconds. */
const MOST = 16;

/** A commit as the script takes it. */
export interface Commit {
  /** The session's, then those of the tags' indexes that lie on the same server. */
  readonly keys: readonly string[];
  readonly request: Buffer;
  readonly content: Argument;
  readonly until: number;
}

/** A record for the place of one that is known. */
export interface Exchange extends Replacement {
  readonly key: string;
  /** By the server's time: for when it was made, and until when it may be stored. */
  readonly made: number;
  readonly deadline: number;
  readonly until: number;
}

/**
 * Calls of the same turn share a command, as far as their keys lie on one server: under load most of the time is not the work but
 * what stands around each command, in the client and in the server.
 */
export class Batches {
  readonly get: (key: string) => Promise<Buffer | null>;
  readonly commit: (commit: Commit) => Promise<Reply>;
  /** Says whether it was done. If not, `commit` finds out why. */
  readonly replace: (exchange: Exchange) => Promise<boolean>;
  readonly touch: (touch: { readonly key: string; readonly now: string }) => Promise<Reply>;

  constructor(connection: Connection) {
    const most = connection.isCluster ? 1 : MOST;
    const getOne = async (key: string): Promise<Buffer | null> =>
      (await connection.command(["GET", key], key)) as Buffer | null;
    this.get = batched(most, async (keys) => {
      if (keys.length === 1) return keys.map(getOne);
      const found = (await connection.command(["MGET", ...keys], keys[0])) as readonly (Buffer | null)[];
      // It tells nothing of a value of another type, which is an error.
      return keys.map((key, at) => found[at] ?? getOne(key));
    });
    this.commit = batched(most, async (commits) => {
      const keys = commits.flatMap((commit) => commit.keys);
      const args = commits.flatMap(({ request, content }) => [request, content]);
      const until = Math.min(...commits.map((commit) => commit.until));
      const replies = (await connection.run(COMMIT, keys, args, until)) as readonly Reply[];
      return replies.map(orFailure);
    });
    this.replace = batched(most, async (exchanges) => {
      const least = (of: (exchange: Exchange) => number): number => Math.min(...exchanges.map(of));
      const head = Buffer.alloc(17);
      head.writeDoubleLE(
        least(({ made }) => made),
        0,
      );
      head.writeDoubleLE(
        least(({ deadline }) => deadline),
        8,
      );
      head[16] = connection.isTracked ? 1 : 0;
      const keys = exchanges.map(({ key }) => key);
      const terms = Buffer.concat([head, ...exchanges.map((exchange) => exchange.terms)]);
      const args = [terms, ...exchanges.map(({ record }) => record)];
      const until = least((exchange) => exchange.until);
      const replies = (await connection.run(REPLACE, keys, args, until)) as readonly number[];
      connection.learn(Number(replies[0]), keys[0]);
      return exchanges.map((_, at) => replies[at + 1] === 1);
    });
    this.touch = batched(most, async (touches) => {
      const keys = touches.map(({ key }) => key);
      const replies = (await connection.run(
        TOUCH,
        keys,
        touches.map(({ now }) => now),
      )) as readonly Reply[];
      return replies.map(orFailure);
    });
  }
}

/** One of several may fail while the others do not. */
function orFailure(reply: Reply): Reply | Promise<never> {
  if (!Array.isArray(reply) || String(reply[0]) !== "error") return reply;
  return Promise.reject(failure(new Error(String(reply[1]))));
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (answer: R | PromiseLike<R>) => void;
  readonly reject: (error: unknown) => void;
}

/** A call that is put together with others of its turn, up to `most`. */
function batched<T, R>(
  most: number,
  send: (items: T[]) => Promise<(R | PromiseLike<R>)[]>,
): (item: T) => Promise<R> {
  let batch: Waiting<T, R>[] = [];
  const flush = async (waiting: Waiting<T, R>[]): Promise<void> => {
    if (waiting === batch) batch = [];
    try {
      const answers = await send(waiting.map(({ item }) => item));
      for (const [at, { resolve }] of waiting.entries()) resolve(answers[at] as R);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  };
  return (item) =>
    new Promise((resolve, reject) => {
      const own = batch;
      own.push({ item, resolve, reject });
      if (own.length === most) {
        batch = [];
        void flush(own);
      } else if (own.length === 1) {
        setImmediate(() => {
          // Unless it is full, and on its way.
          if (own === batch) void flush(own);
        });
      }
    });
}

declare function setImmediate(callback: () => void): unknown;
