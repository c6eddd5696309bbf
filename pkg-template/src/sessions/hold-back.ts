import type { SentHeader } from "./carriers.js";
import { PRIVATE } from "./fetch.js";
import type { NodeResponse } from "./node.js";
import type { Held as HeldSessions, OpenSessions } from "./sessions.js";

const METHODS = ["writeHead", "write", "end", "flushHeaders"] as const;
type Method = (typeof METHODS)[number];
type Call = readonly [method: Method, given: any[]];

const HEADER_METHODS = ["setHeader", "appendHeader", "removeHeader"] as const;

type Listener = (...given: any[]) => void;

/**
 * Keeps back what would send the headers until the sessions are stored. The methods stay replaced, since others may have
 * replaced them on top of ours.
 */
export function holdBack(
  response: NodeResponse,
  held: OpenSessions<any> & Partial<Pick<HeldSessions, "commitNow">>,
  onError: (error: unknown) => void,
): void {
  const { on, writeHead, write, end, flushHeaders } = response;
  const originals = { writeHead, write, end, flushHeaders };
  const call = ([method, given]: Call): any => Reflect.apply(originals[method], response, given);
  const drained: Listener[] = [];
  let waiting: Waiting | undefined;
  let state: "open" | "waits" | "passes" | "failed" = "open";
  let failure: unknown;

  // Who compresses what it is told to send keeps such listeners for itself, where no event of ours comes.
  response.on = (event: string, listener: Listener): any => {
    if (event === "drain" && state !== "passes") drained.push(listener);
    return Reflect.apply(on, response, [event, listener]);
  };

  for (const method of METHODS) {
    response[method] = (...given: any[]): any => {
      if (state === "open") {
        const sent = response.headersSent || !held.isUsed ? held.seal() : held.commitNow?.();
        if (sent !== undefined) {
          state = "passes";
          if (sent.length > 0 && !response.headersSent) {
            const rest = method === "writeHead" ? withoutHeaders(response, given) : given;
            setHeaders(response, sent);
            return call([method, rest]);
          }
        } else {
          state = "waits";
          waiting = new Waiting(response);
          held.commit().then(release, fail);
        }
      }
      if (state === "passes") return call([method, given]);
      // The response has ended otherwise; Node would emit an error that nobody listens for.
      if (state === "failed") setTimeout(() => tell([[method, given]], failure), 0);
      else waiting?.add([method, given]);
      // Whoever is told to wait is told to go on when all of it is through.
      return method === "write" ? false : method === "flushHeaders" ? undefined : response;
    };
  }

  const release = (sent: readonly SentHeader[]): void => {
    const calls = waiting?.end() ?? [];
    state = "passes";
    try {
      if (!response.headersSent && sent.length > 0) {
        const [first] = calls;
        // Headers given to writeHead would replace ours of the same name.
        if (first?.[0] === "writeHead") calls[0] = ["writeHead", withoutHeaders(response, first[1])];
        setHeaders(response, sent);
      }
      let flows: unknown = true;
      let wrote = false;
      for (const each of calls) {
        const answer: unknown = call(each);
        if (each[0] !== "write") continue;
        flows = answer;
        wrote = true;
      }
      if (!wrote || flows === false) return;
      const reached = response.rawListeners("drain");
      response.emit("drain");
      for (const listener of drained) if (!reached.includes(listener)) Reflect.apply(listener, response, []);
    } catch (error) {
      // It would have been thrown to who called; by now nobody is there to catch it.
      onError(error);
      response.destroy();
    }
  };

  const fail = (error: unknown): void => {
    const calls = waiting?.end() ?? [];
    // Those of others below ours may call the methods again.
    state = "passes";
    const sent = held.seal();
    onError(error);
    try {
      if (!response.headersSent) {
        for (const name of response.getHeaderNames()) response.removeHeader(name);
        response.statusCode = 500;
        response.statusMessage = "";
        response.setHeader("cache-control", "no-store");
        // Another session of this request may have got a new id, and be lost without it.
        setHeaders(response, sent);
      }
      call(["end", []]);
    } catch {
      response.destroy();
    }
    state = "failed";
    failure = error;
    tell(calls, error);
  };
}

/** Calls the callbacks that were given with calls that come to nothing. */
function tell(calls: readonly Call[], error: unknown): void {
  for (const [, given] of calls) {
    const callback: unknown = given.at(-1);
    if (typeof callback === "function") callback(error);
  }
}

const WAITING = Symbol("waiting");

type Held = NodeResponse & { [WAITING]?: Waiting };

/** The same for all responses: a getter of its own would make each of them an object of a shape of its own, and slow. */
const HEADERS_SENT = {
  configurable: true,
  get(this: Held): unknown {
    return (
      this[WAITING]?.isOver === false ||
      Reflect.get(Object.getPrototypeOf(this) as object, "headersSent", this)
    );
  },
};

/** The calls that wait. Meanwhile the response is as one whose headers have been sent. */
class Waiting {
  readonly #calls: Call[] = [];
  readonly #response: NodeResponse;
  readonly #statusCode: number;
  #isEnded = false;
  isOver = false;

  constructor(response: NodeResponse) {
    this.#response = response;
    this.#statusCode = response.statusCode;
    // Or an error handler would write its answer upon this one, or find that it cannot when this one is out.
    // What is put on the response stays there: one of which a property was deleted is slow in all that follows.
    (response as Held)[WAITING] = this;
    Object.defineProperty(response, "headersSent", HEADERS_SENT);
    for (const name of HEADER_METHODS) {
      const original = response[name];
      response[name] = (...given: any[]): any =>
        this.isOver ? Reflect.apply(original, response, given) : refuse();
    }
  }

  add(call: Call): void {
    const [method, given] = call;
    if (method === "writeHead" && this.#calls.length > 0) refuse();
    // Node would emit an error for more after the end; the callback of another end is told.
    if (!this.#isEnded) this.#calls.push(call);
    else if (typeof given.at(-1) === "function") this.#calls.push(["end", [given.at(-1)]]);
    this.#isEnded ||= method === "end";
  }

  /** Gives the response back as it was; answers the calls. */
  end(): Call[] {
    this.isOver = true;
    this.#response.statusCode = this.#statusCode;
    return this.#calls;
  }
}

function refuse(): never {
  const error = new Error("headers cannot be changed once they are sent");
  throw Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}

/** Sets what a commit has answered, beside the cookies that are there. */
export function setHeaders(
  response: Pick<NodeResponse, "getHeader" | "setHeader">,
  sent: readonly SentHeader[],
): void {
  if (sent.length === 0) return;
  for (const [name, value] of sent) {
    const others = response.getHeader(name);
    const isCookie = name === "set-cookie" && others !== undefined;
    response.setHeader(
      name,
      isCookie ? [...(Array.isArray(others) ? (others as string[]) : [String(others)]), value] : value,
    );
  }
  if (response.getHeader("cache-control") === undefined) response.setHeader("cache-control", PRIVATE);
}

/** The arguments of writeHead, its headers set on the response. */
export function withoutHeaders(response: NodeResponse, given: any[]): any[] {
  const [status, second, third] = given as [unknown, unknown, unknown];
  const hasMessage = typeof second === "string";
  const headers = hasMessage ? third : (second ?? third);
  for (const [name, value] of pairs(headers)) response.setHeader(name, value);
  return hasMessage ? [status, second] : [status];
}

/** Headers as an object, as pairs, or as names and values in turn; those of one name together. */
function pairs(headers: unknown): Map<string, string | string[]> {
  const all = new Map<string, string | string[]>();
  if (typeof headers !== "object" || headers === null) return all;
  if (!Array.isArray(headers)) return new Map(Object.entries(headers as Record<string, string>));
  const flat = (
    Array.isArray(headers[0]) ? headers.flatMap((pair: unknown[]) => [pair]) : headers
  ) as unknown[];
  const each = Array.isArray(flat[0])
    ? (flat as [string, string][])
    : Array.from(
        { length: flat.length / 2 },
        (_, at) => [flat[2 * at], flat[2 * at + 1]] as [string, string],
      );
  for (const [name, value] of each) {
    const lower = name.toLowerCase();
    const before = all.get(lower);
    all.set(lower, before === undefined ? value : [before, value].flat());
  }
  return all;
}
