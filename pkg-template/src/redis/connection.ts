import { Buffer } from "node:buffer";
import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from "./clients.js";
import type { Script } from "./scripts.js";
import { slotOf } from "./slot.js";

/** What a server answers: bytes, a number, nothing, or a list of these. */
export type Reply = Buffer | number | string | null | readonly Reply[];

export type Argument = Buffer | string;

type Send = (args: Argument[], key: Argument | undefined) => Promise<unknown>;

/** Of the types of RESP, those that come as bytes; `redis` knows them by these numbers. */
const AS_BYTES = { typeMapping: { 36: Buffer } };

/** Sends commands over a client of the user's, each of which is answered or fails within a time. */
export class Connection {
  readonly #send: Send;
  readonly #isEnded: () => boolean;
  readonly #timeout: number;
  readonly #waiting = new Set<Waiting>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What was told of the servers' clocks, and when; one for all keys where there is one server. */
  readonly #clocks = new Map<string, { readonly at: number; readonly time: number }>();

  /** Whether sessions and tags may lie on different servers. */
  readonly isCluster: boolean;
  readonly #client: object;

  constructor(client: RedisClient, timeout: number) {
    this.#send = sender(client);
    this.#client = client;
    this.#isEnded = () => hasEnded(client);
    this.isCluster = isCluster(client);
    this.#timeout = timeout;
  }

  /** Whether the server tells this client what others change. */
  get isTracked(): boolean {
    return tracked.has(this.#client);
  }

  /** When a call that begins now must have ended, as `performance.now` has it. */
  deadline(): number {
    return performance.now() + this.#timeout;
  }

  /**
   * One command; its failure is a `SessionError`. Where the connection broke it is sent again until the time is over: it must be
   * one that may be done twice.
   */
  async command(args: Argument[], key?: Argument, until = this.deadline()): Promise<Reply> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(args, key, until);
      } catch (error) {
        if (isReply(error)) throw failure(error);
        // Another server may take over, whose clock nobody here knows.
        this.#clocks.delete(this.#clockOf(key));
        if (error instanceof SessionError || this.#isEnded()) throw failure(error);
        // Most clients wait by themselves until they are connected again; others refuse at once.
        if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        if (performance.now() >= until) throw failure(error);
      }
    }
  }

  /** Runs a script by its name; a server that does not know it yet is told. The first key says where. */
  async run(
    script: Script,
    keys: string | readonly string[],
    args: Argument[],
    until = this.deadline(),
  ): Promise<Reply> {
    const all = typeof keys === "string" ? [keys] : keys;
    const rest = [String(all.length), ...all, ...args];
    try {
      return await this.command(["EVALSHA", script.sha, ...rest], all[0], until);
    } catch (error) {
      if (!(error instanceof SessionError) || !isUnknownScript(error.cause)) throw error;
    }
    return this.command(["EVAL", script.source, ...rest], all[0], until);
  }

  /** The time now of the server that has this key, if it is known about. Not later than the truth, but for how much two clocks differ over ten minutes. */
  knownTime(key: Argument): number | undefined {
    return this.knownDeadline(performance.now(), key);
  }

  /**
   * The server's time at which `until` has not come here yet. What is estimated is never later than the truth, but for how
   * much two clocks differ over ten minutes.
   */
  knownDeadline(until: number, key: Argument): number | undefined {
    const known = this.#clocks.get(this.#clockOf(key));
    if (known === undefined || performance.now() - known.at > 600_000) return undefined;
    return known.time + (until - known.at);
  }

  /** The same, where the server must be asked first. */
  async serverDeadline(until: number, key: Argument): Promise<number> {
    const time = await this.serverTime(key, until);
    return time + (until - performance.now());
  }

  /** The time of the server that has this key, in milliseconds. */
  async serverTime(key: Argument, until = this.deadline()): Promise<number> {
    // By a script, which a cluster sends where the key is.
    const time = Number(await this.command(["EVAL", TIME, "1", key], key, until));
    this.learn(time, key);
    return time;
  }

  /** A reply that has just come told the time of the server that has this key. */
  learn(time: number, key: Argument | undefined): void {
    this.#clocks.set(this.#clockOf(key), { at: performance.now(), time });
  }

  /** By whose clock a key's session lives: its master's, or its slot's where the client does not say which that is. */
  #clockOf(key: Argument | undefined): string {
    if (!this.isCluster || key === undefined) return "";
    const slot = slotOf(String(key));
    const owner = (this.#client as { slots?: readonly unknown[] }).slots?.[slot];
    const master: unknown = Array.isArray(owner)
      ? owner[0]
      : (owner as { master?: { address?: unknown } } | undefined)?.master?.address;
    return typeof master === "string" ? master : String(slot);
  }

  #once(args: Argument[], key: Argument | undefined, until: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { until, reject };
      this.#wait(waiting);
      this.#send(args, key).then(
        (reply) => {
          this.#waiting.delete(waiting);
          resolve(reply as Reply);
        },
        (error: unknown) => {
          this.#waiting.delete(waiting);
          reject(error as Error);
        },
      );
    });
  }

  /** One timer for all that wait. */
  #wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    if (this.#timer === undefined) this.#setTimer(waiting.until);
  }

  #setTimer(at: number): void {
    const timer: unknown = setTimeout(() => this.#expire(), Math.max(1, at - performance.now()));
    this.#timer = timer as ReturnType<typeof setTimeout>;
    // It keeps no process alive: whoever waits has a socket that does.
    (timer as { unref?: () => void }).unref?.();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    let next = Infinity;
    for (const waiting of this.#waiting) {
      if (waiting.until <= now) {
        this.#waiting.delete(waiting);
        waiting.reject(late());
      } else next = Math.min(next, waiting.until);
    }
    if (next < Infinity) this.#setTimer(next);
  }
}

const PAUSE_MS = 20;

/** The clients that are told of changes. */
export const tracked = new WeakSet<object>();

interface Waiting {
  readonly until: number;
  readonly reject: (error: Error) => void;
}

const TIME = "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000)";

function sender(client: unknown): Send {
  if (typeof client === "object" && client !== null) {
    if ("callBuffer" in client && typeof client.callBuffer === "function") {
      const { callBuffer } = client as IoRedisClient;
      return ([name, ...args]) => callBuffer.call(client, name as string, ...args);
    }
    if ("sendCommand" in client && typeof client.sendCommand === "function") {
      if (isNodeCluster(client)) return (args, key) => client.sendCommand(key, false, args, AS_BYTES);
      if ("getMasterNode" in client || "getSentinelNode" in client) {
        const sentinel = client as NodeRedisSentinel;
        return (args) => sentinel.sendCommand(false, args, AS_BYTES);
      }
      return (args) => (client as NodeRedisClient).sendCommand(args, AS_BYTES);
    }
  }
  throw invalid("client must be one of `redis` (5 or newer) or `ioredis` (5 or newer)");
}

function isNodeCluster(client: object): client is NodeRedisCluster {
  return "sendCommand" in client && "masters" in client && "slots" in client;
}

function isCluster(client: object): boolean {
  return isNodeCluster(client) || ("isCluster" in client && client.isCluster === true);
}

/** Whether its owner has closed it: then it will never be connected again. */
function hasEnded(client: object): boolean {
  const { isOpen, status } = client as { isOpen?: unknown; status?: unknown };
  return isOpen === false || status === "end";
}

/** Whether it is the server that refuses, and not the way to it that broke. */
function isReply(error: unknown): boolean {
  return error instanceof Error && /^(-)?[A-Z]{2,}[A-Z_]* /.test(error.message);
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

function late(): SessionError {
  return new SessionError(
    "ERR_SESSION_STORAGE",
    "the server did not answer in time; whether it has done what was asked is not known",
  );
}

/** What a client's error is to the caller. Nothing of the command stays in it: that has the session's content. */
export function failure(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  const told = error instanceof Error ? error.message : String(error);
  const text = told.replace(/,? with args beginning with.*/s, "").slice(0, 200);
  const cause = new Error(text);
  if (/^-?WRONGTYPE/.test(told) || told.includes("WRONGTYPE ")) {
    return new SessionError(
      "ERR_SESSION_CORRUPT",
      "another program's value lies under a session's key; give the storage a prefix of its own",
      { cause },
    );
  }
  if (/\bOOM\b/.test(told)) {
    return new SessionError("ERR_SESSION_QUOTA", "the server's memory is full (maxmemory)", { cause });
  }
  if (told.includes("SESSILE_LATER")) {
    return new SessionError("ERR_SESSION_UNSUPPORTED", "this session has the format of a later release", {
      cause,
    });
  }
  if (/\bREADONLY\b/.test(told)) {
    return new SessionError(
      "ERR_SESSION_STORAGE",
      "the server is a replica, which takes no writes; connect to the master",
      {
        cause,
      },
    );
  }
  if (isReply(error))
    return new SessionError("ERR_SESSION_STORAGE", "the server refused a command; see the cause", { cause });
  return new SessionError(
    "ERR_SESSION_STORAGE",
    "the connection to the server broke; whether it has done what was asked is not known",
    { cause },
  );
}
