/**
 * Sessions in Koa 2 and 3.
 *
 * ```ts
 * import Koa from "koa";
 * import { SessionStorageMemory, cookie, sessions } from "sessile";
 * import { koaSessions } from "sessile/koa";
 *
 * const app = sessions({ user: cookie<{ visits: number }>("sid", new SessionStorageMemory()) });
 * const server = new Koa();
 * server.use(koaSessions(app));
 * server.use(async (ctx) => {
 *   const { visits } = await app.of(ctx).user.update((found) => ({ visits: (found?.visits ?? 0) + 1 }));
 *   ctx.body = `visit ${visits}`;
 * });
 * ```
 *
 * @module
 */
import type {
  NodeRequest,
  NodeResponse,
  SentHeader,
  SessionDefinitions,
  Sessions,
  SessionsOf,
} from "../sessions/index.js";
import { setHeaders } from "../sessions/hold-back.js";
import { headersOf } from "../sessions/node.js";

/** What is used of a Koa context. */
export interface KoaContext {
  readonly req: NodeRequest;
  readonly res: NodeResponse;
  /** Whether the client came by https; behind a proxy if the Koa application has `proxy: true`. */
  readonly secure: boolean;
  readonly headerSent: boolean;
}

/** Middleware of Koa, after which `ctx.sessions` is there. */
export type KoaMiddleware<D extends SessionDefinitions> = (
  context: KoaContext & { sessions: SessionsOf<D> },
  next: () => Promise<unknown>,
) => Promise<void>;

/**
 * Middleware for Koa. `app.of(ctx)` has the sessions; so has `ctx.sessions`, which TypeScript knows where `use` is called on
 * what `use` has answered. What was changed is stored when the middleware after this one has ended, before the response goes
 * out; if that fails, the error is thrown, so that the Koa application's `error` event has it.
 *
 * If what comes after this throws, nothing is stored but what was committed.
 */
export function koaSessions<D extends SessionDefinitions>(app: Sessions<D>): KoaMiddleware<D> {
  return async (context, next) => {
    if (app.isOpen(context)) return void (await next());
    const held = app.open(
      context,
      headersOf(context.req, () => context.secure),
    );
    Object.defineProperty(context, "sessions", { value: held.sessions, configurable: true });
    try {
      await next();
      if (!held.isUsed || context.headerSent) held.seal();
      if (!held.isUsed) return;
      const sent = await held.commit();
      if (!context.headerSent) setHeaders(context.res, sent);
    } catch (error) {
      tell(context, held.seal(), error);
      throw error;
    }
  };
}

/** Tells the client of what was stored before an error, whoever answers that. */
function tell({ res, headerSent }: KoaContext, sent: readonly SentHeader[], error: unknown): void {
  if (headerSent || sent.length === 0) return;
  setHeaders(res, sent);
  if (typeof error !== "object" || error === null) return;
  // Koa's own answer has those headers alone that the error brings.
  const headers: Record<string, unknown> = { ...(error as { headers?: object }).headers };
  for (const name of [...sent.map(([name]) => name), "cache-control"]) headers[name] ??= res.getHeader(name);
  Reflect.set(error, "headers", headers);
}
