import { invalid } from "../options.js";
import type { RequestHeaders } from "./carriers.js";
import { holdBack } from "./hold-back.js";
import type { Held } from "./sessions.js";

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
  setHeader(...given: any[]): any;
  appendHeader(...given: any[]): any;
  removeHeader(...given: any[]): void;
  writeHead(...given: any[]): any;
  write(...given: any[]): boolean;
  end(...given: any[]): any;
  flushHeaders(): void;
  on(event: string, listener: (...given: any[]) => void): any;
  rawListeners(event: string): unknown[];
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
  return new NodeHeaders(request, isHttps);
}

class NodeHeaders implements RequestHeaders {
  readonly #request: NodeRequest;
  readonly #isHttps: () => boolean;

  constructor(request: NodeRequest, isHttps: () => boolean) {
    this.#request = request;
    this.#isHttps = isHttps;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  get isHttps(): boolean {
    return this.#isHttps();
  }
}

function isEncrypted(request: NodeRequest): boolean {
  return (request.socket as { encrypted?: boolean } | null | undefined)?.encrypted === true;
}
