/**
 * Sessions in Fastify 5.
 *
 * ```ts
 * import { fastify } from "fastify";
 * import { SessionStorageMemory, cookie, sessions } from "sessile";
 * import { fastifySessions } from "sessile/fastify";
 *
 * const app = sessions({ user: cookie<{ visits: number }>("sid", new SessionStorageMemory()) });
 * const server = fastify();
 * await server.register(fastifySessions(app));
 * server.get("/", async (request) => {
 *   const { visits } = await app.of(request).user.update((found) => ({ visits: (found?.visits ?? 0) + 1 }));
 *   return `visit ${visits}`;
 * });
 * ```
 *
 * @module
 */
import type {
  NodeRequest,
  NodeResponse,
  OpenSessions,
  SessionDefinitions,
  Sessions,
} from "../sessions/index.js";
import type { Held } from "../sessions/sessions.js";
import { holdBack, setHeaders } from "../sessions/hold-back.js";
import { headersOf } from "../sessions/node.js";
import { CONTENT_HEADERS } from "./content-headers.js";

/** What is used of a Fastify instance. */
export interface FastifyServer {
  hasRequestDecorator(name: string): boolean;
  decorateRequest(name: string, value: null): unknown;
  addHook(name: any, hook: any): unknown;
}

/** A plugin for `register`. */
export type FastifyPlugin = (server: FastifyServer, options: unknown, done: () => void) => void;

type Opened = OpenSessions<any> & Partial<Pick<Held, "commitNow">>;

interface FastifyRequest {
  [own: symbol]: unknown;
  readonly raw: NodeRequest;
  readonly protocol: string;
  readonly log: { error(error: unknown): void };
  sessions: unknown;
}

interface FastifyReply {
  readonly raw: NodeResponse;
  getHeader(name: string): number | string | readonly string[] | undefined;
  removeHeader(name: string): unknown;
  header(name: string, value: unknown): unknown;
  hijack(): unknown;
}

type Done = (error?: unknown) => void;

/**
 * A plugin for Fastify, for the instance that it is registered with and those within: `app.of(request)` has the sessions with
 * their types, and `request.sessions` without. What was changed is stored before the response goes out; if that fails, the
 * error handler gets the error. Fastify's own tells the client an error's message and code, those of a `SessionError` too:
 * with `setErrorHandler` it is told what you say.
 *
 * A request that ends in an error stores nothing, and what the error handler changes is not stored either unless it calls
 * `commit()` itself. The headers of a hijacked reply are held back until the sessions are stored, as those of `app.node()`;
 * if that fails, the client gets an empty 500 and the request's log the error. What is written to `reply.raw` without
 * `hijack()` goes past the sessions.
 */
export function fastifySessions<D extends SessionDefinitions>(app: Sessions<D>): FastifyPlugin {
  const plugin: FastifyPlugin = (server, _options, registered) => {
    // A property of the request for each: an entry of a `WeakMap` would cost more than all else here.
    const opened = Symbol("opened");
    const failed = Symbol("failed");
    /** The sessions of a request, for the one who sees to their commit. */
    const take = (request: FastifyRequest): Opened | undefined => {
      const held = request[opened] as Opened | undefined;
      request[opened] = undefined;
      return held;
    };
    if (!server.hasRequestDecorator("sessions")) server.decorateRequest("sessions", null);

    server.addHook("onRequest", (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
      if (app.isOpen(request)) return done();
      const held = app.open(
        request,
        headersOf(request.raw, () => request.protocol === "https"),
      );
      request[opened] = held;
      request.sessions = held.sessions;
      const { hijack } = reply;
      reply.hijack = () => {
        const left = take(request);
        if (left !== undefined) holdBack(reply.raw, left, (error) => request.log.error(error));
        return hijack.call(reply);
      };
      done();
    });

    server.addHook(
      "onError",
      (request: FastifyRequest, _: FastifyReply, _error: unknown, done: Done): void => {
        request[failed] = true;
        done();
      },
    );

    server.addHook(
      "onSend",
      (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): Promise<void> | void => {
        const held = take(request);
        // The answer to an error of a hook after this one is sent through it again.
        if (held === undefined) return done();
        const sent = !held.isUsed || request[failed] === true ? held.seal() : held.commitNow?.();
        if (sent !== undefined) {
          setHeaders(headersTo(reply), sent);
          return done();
        }
        return held.commit().then(
          (later) => setHeaders(headersTo(reply), later),
          (error: unknown) => {
            discard(payload);
            for (const name of CONTENT_HEADERS) reply.removeHeader(name);
            // Another session of this request may have got a new id, and be lost without it.
            setHeaders(headersTo(reply), held.seal());
            throw error;
          },
        );
      },
    );
    registered();
  };
  // Without it, the hooks would be for no routes but those of this plugin, which has none.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "sessile",
  });
}

function headersTo(reply: FastifyReply): Pick<NodeResponse, "getHeader" | "setHeader"> {
  return {
    getHeader: (name) => reply.getHeader(name),
    setHeader(name, value) {
      // It would go beside the cookies that it repeats.
      reply.removeHeader(name);
      reply.header(name, value);
    },
  };
}

/** Ends a stream that nobody will read. */
function discard(payload: unknown): void {
  const stream = payload as { destroy?(): void; cancel?(): Promise<void>; body?: unknown } | null | undefined;
  if (typeof stream !== "object" || stream === null) return;
  if (typeof stream.destroy === "function") stream.destroy();
  else if (typeof stream.cancel === "function") stream.cancel().catch(() => {});
  else if (stream instanceof Response) discard(stream.body);
}
