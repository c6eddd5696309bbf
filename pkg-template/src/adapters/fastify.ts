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

interface FastifyRequest {
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
 * error handler gets the error.
 *
 * A request that ends in an error stores nothing, and what the error handler changes is not stored either unless it calls
 * `commit()` itself. The headers of a hijacked reply are held back until the sessions are stored, as those of `app.node()`;
 * if that fails, the client gets an empty 500 and the request's log the error.
 */
export function fastifySessions<D extends SessionDefinitions>(app: Sessions<D>): FastifyPlugin {
  const plugin: FastifyPlugin = (server, _options, registered) => {
    const opened = new WeakMap<FastifyRequest, OpenSessions<D>>();
    const failed = new WeakSet<FastifyRequest>();
    if (!server.hasRequestDecorator("sessions")) server.decorateRequest("sessions", null);

    server.addHook("onRequest", (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
      if (app.isOpen(request)) return done();
      const held = app.open(
        request,
        headersOf(request.raw, () => request.protocol === "https"),
      );
      opened.set(request, held);
      request.sessions = held.sessions;
      const { hijack } = reply;
      reply.hijack = () => {
        if (opened.delete(request)) holdBack(reply.raw, held, (error) => request.log.error(error));
        return hijack.call(reply);
      };
      done();
    });

    server.addHook(
      "onError",
      (request: FastifyRequest, _: FastifyReply, _error: unknown, done: Done): void => {
        failed.add(request);
        done();
      },
    );

    server.addHook(
      "onSend",
      (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): Promise<void> | void => {
        const held = opened.get(request);
        // The answer to an error of a hook after this one is sent through it again.
        if (held === undefined || !opened.delete(request)) return done();
        if (!held.isUsed || failed.has(request)) {
          setHeaders(headersTo(reply), held.seal());
          return done();
        }
        return held.commit().then(
          (sent) => setHeaders(headersTo(reply), sent),
          (error: unknown) => {
            held.seal();
            discard(payload);
            for (const name of CONTENT_HEADERS) reply.removeHeader(name);
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
