import { invalid } from "../options.js";
import type { RequestHeaders, SentHeader } from "./carriers.js";
import { PRIVATE } from "./fetch.js";
import type { Held, OpenSessions } from "./sessions.js";

/** What is used of `http.IncomingMessage`. */
export interface NodeRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: object | null;
  /** What Express makes of a proxy that it is told to trust. */
  readonly secure?: boolean;
}

/** What is used of `http.ServerResponse`. */
export interface NodeResponse {
  statusCode: number;
  statusMessage: string;
  readonly headersSent: boolean;
  getHeader(name: string): number | string | readonly string[] | undefined;
  getHeaderNames(): string[];
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): void;
  writeHead(...given: any[]): any;
  write(...given: any[]): boolean;
  end(...given: any[]): any;
  flushHeaders(): void;
  emit(event: string): boolean;
  destroy(error?: Error): unknown;
}

/** A middleware of `node:http`, connect and Express. */
export type NodeMiddleware = (
  request: NodeRequest,
  response: NodeResponse,
  next: (error?: any) => void,
) => void;

/** The options of `node` and `express`. */
export interface NodeOptions {
  /**
   * Told why a session could not be stored; the client gets an empty 500. What it throws is ignored. Default: the error's
   * stack goes to `console.error`.
   */
  onError?: ((error: unknown, request: NodeRequest) => void) | undefined;
}

export function middleware(
  open: (request: object, headers: RequestHeaders) => Held,
  isOpen: (request: object) => boolean,
  options: NodeOptions,
): NodeMiddleware {
  const { onError = logged } = options;
  if (typeof onError !== "function") throw invalid("onError must be a function");
  return (request, response, next) => {
    // In a router below one that has them already.
    if (isOpen(request)) return next();
    const held = open(
      request,
      headersOf(request, () => request.secure ?? isEncrypted(request)),
    );
    Object.defineProperty(request, "sessions", { value: held.sessions, configurable: true });
    holdBack(response, held, (error) => {
      try {
        onError(error, request);
      } catch {
        // A log that fails must not cost a response.
      }
    });
    next();
  };
}

function logged(error: unknown): void {
  // Without its cause, which may quote what is stored.
  console.error(error instanceof Error ? error.stack : "a session could not be stored");
}

/** The headers of a request, and what its server makes of where it came from. */
export function headersOf(request: NodeRequest, isHttps: () => boolean): RequestHeaders {
  return {
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    get isHttps() {
      return isHttps();
    },
  };
}

function isEncrypted(request: NodeRequest): boolean {
  return (request.socket as { encrypted?: boolean } | null | undefined)?.encrypted === true;
}

const METHODS = ["writeHead", "write", "end", "flushHeaders"] as const;
type Method = (typeof METHODS)[number];
type Call = readonly [method: Method, given: any[]];

/**
 * Keeps back what would send the headers until the sessions are stored. The methods stay replaced, since others may have
 * replaced them on top of ours.
 */
export function holdBack(
  response: NodeResponse,
  held: OpenSessions<any>,
  onError: (error: unknown) => void,
): void {
  const originals = {
    writeHead: response.writeHead,
    write: response.write,
    end: response.end,
    flushHeaders: response.flushHeaders,
  };
  const call = ([method, given]: Call): any => Reflect.apply(originals[method], response, given);
  let waiting: Call[] | undefined;
  let passes = false;

  for (const method of METHODS) {
    response[method] = (...given: any[]): any => {
      if (!passes && waiting === undefined) {
        if (response.headersSent || !held.isUsed) {
          passes = true;
          held.seal();
        } else {
          waiting = [];
          held.commit().then(release, fail);
        }
      }
      if (passes) return call([method, given]);
      waiting?.push([method, given]);
      // Whoever is told to wait is told to go on when all of it is through.
      return method === "write" ? false : method === "flushHeaders" ? undefined : response;
    };
  }

  const release = (sent: readonly SentHeader[]): void => {
    const calls = waiting ?? [];
    passes = true;
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
      if (wrote && flows !== false) response.emit("drain");
    } catch (error) {
      // It would have been thrown to who called; by now nobody is there to catch it.
      onError(error);
      response.destroy();
    }
  };

  const fail = (error: unknown): void => {
    const calls = waiting ?? [];
    passes = true;
    held.seal();
    onError(error);
    try {
      if (!response.headersSent) {
        for (const name of response.getHeaderNames()) response.removeHeader(name);
        response.statusCode = 500;
        response.statusMessage = "";
        response.setHeader("cache-control", "no-store");
      }
      call(["end", []]);
    } catch {
      response.destroy();
    }
    for (const [, given] of calls) {
      const callback: unknown = given.at(-1);
      if (typeof callback === "function") callback(error);
    }
  };
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
function withoutHeaders(response: NodeResponse, given: any[]): any[] {
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
