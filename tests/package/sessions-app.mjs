// What the tests of sessions share: requests, a client that keeps its cookie, storages that count, fail or wait.
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { watching } from "./watching.mjs";

export { gate } from "./gates.mjs";

export const URL_HTTPS = "https://example.org/";

/** A browser as far as a session is concerned. */
export class Client {
  constructor(handler, { url = URL_HTTPS } = {}) {
    this.handler = handler;
    this.url = url;
    this.cookie = undefined;
  }

  /** Sends a request with the cookie it has; keeps what the response sets. */
  async send(...rest) {
    const response = await this.handler(request(this.cookie, this.url), ...rest);
    for (const line of response.headers.getSetCookie()) {
      const pair = line.split(";", 1)[0];
      this.cookie = /; Max-Age=0;/.test(line) ? undefined : pair;
    }
    return response;
  }
}

/** A request with a Cookie header; a plain object, since browsers keep pages from setting that one. */
export function request(cookieHeader, url = URL_HTTPS, more = {}) {
  const headers = new Map(Object.entries(more));
  if (cookieHeader !== undefined) headers.set("cookie", cookieHeader);
  return { url, headers: { get: (name) => headers.get(name) ?? null } };
}

/** An application of one session, and a client of it; its handler gets what to do with each request. */
export function appOf(storage = new SessionStorageMemory(), options = {}, name = "user") {
  const app = sessions({ user: cookie(name, storage, options) });
  const handler = app.fetch(async (given, { user }, work) => {
    const answer = await work?.(user, given);
    return answer instanceof Response ? answer : new Response("ok");
  });
  return { app, handler, storage, client: new Client(handler) };
}

/** What a client's next request finds in its session. */
export async function valueOf(client) {
  let value;
  await client.send(async (user) => {
    value = await user.get();
  });
  return value;
}

/** A storage in memory of which each call is counted, and can be replaced. */
export function watched(options) {
  return watching(new SessionStorageMemory(options));
}

/** Numbers that look random, the same in each run (mulberry32). */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
