import type { RequestHeaders, SentHeader } from "./carriers.js";
import type { Held, OpenSessions } from "./sessions.js";

/** What a server of the fetch kind calls. */
export type FetchHandler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Promise<Response>;

type Handler = (request: Request, sessions: unknown, ...rest: unknown[]) => Response | PromiseLike<Response>;

export function fetchHandler(
  open: (request: object, headers: RequestHeaders) => Held,
  handler: Handler,
): FetchHandler<unknown[]> {
  return async (request, ...rest) => {
    const held = open(request, headersOf(request));
    return committed(held, await handler(request, held.sessions, ...rest));
  };
}

/** The response, when all that was changed is stored; rejects if something could not be. */
export async function committed(held: OpenSessions<any>, response: Response): Promise<Response> {
  if (!held.isUsed) {
    held.seal();
    return response;
  }
  let sent;
  try {
    sent = await held.commit();
  } catch (error) {
    // Nobody will read it.
    response.body?.cancel().catch(() => {});
    throw error;
  }
  return withHeaders(response, sent);
}

/**
 * As {@link committed}, for a framework that makes a response of an error itself: one of 500 or more stores nothing, and
 * tells the client only what was stored or ended before.
 */
export async function committedUnlessFailed(held: OpenSessions<any>, response: Response): Promise<Response> {
  return response.status >= 500 ? withHeaders(response, held.seal()) : committed(held, response);
}

/** The headers of a request. */
export function headersOf(request: Request): RequestHeaders {
  return {
    header: (name) => request.headers.get(name) ?? undefined,
    get isHttps() {
      return /^https:/i.test(request.url);
    },
  };
}

/** The response with more headers; another with the same body where its own cannot be changed, as those of a redirect. */
export function withHeaders(response: Response, sent: readonly SentHeader[]): Response {
  if (sent.length === 0) return response;
  try {
    addHeaders(response.headers, sent);
    return response;
  } catch {
    const { status, statusText, body } = response;
    const headers = new Headers(response.headers);
    addHeaders(headers, sent);
    return new Response(body, { status, statusText, headers });
  }
}

export function addHeaders(headers: Headers, sent: readonly SentHeader[]): void {
  if (sent.length === 0) return;
  for (const [name, value] of sent) headers.append(name, value);
  if (!headers.has("cache-control")) headers.append("cache-control", PRIVATE);
}

/** A cache that many share would give one's session to another. */
export const PRIVATE = 'private, no-cache="set-cookie"';
