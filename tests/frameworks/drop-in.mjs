// The same application with express-session and with the drop-in for it, the same requests, and what a client and a store see.
import http from "node:http";
import express5 from "express";
import expressSession from "express-session";
import express4 from "express4";
import ourSession from "sessile/express-session";
import { routesOf } from "./drop-in-routes.mjs";

export const LIBRARIES = { "express-session": expressSession, sessile: ourSession };
export const SECRET = "a secret of the tests";

/** A store over a map that writes down how it is called. `how`: when it calls back, and whether it can be touched. */
export function recordingStore(session, { isSync = false, touches = true } = {}) {
  const calls = [];
  const stored = new Map();
  const later = (callback, ...given) => {
    if (isSync) callback?.(...given);
    else setImmediate(() => callback?.(...given));
  };
  class RecordingStore extends session.Store {
    get(id, callback) {
      calls.push(["get", id]);
      const text = stored.get(id);
      later(callback, this.failing.get ?? null, text === undefined ? undefined : JSON.parse(text));
    }

    set(id, content, callback) {
      const text = JSON.stringify(content);
      calls.push(["set", id, text]);
      if (this.failing.set === undefined) stored.set(id, text);
      later(callback, this.failing.set);
    }

    destroy(id, callback) {
      calls.push(["destroy", id]);
      stored.delete(id);
      later(callback, this.failing.destroy);
    }
  }
  if (touches) {
    RecordingStore.prototype.touch = function (id, content, callback) {
      calls.push(["touch", id, JSON.stringify(content.cookie)]);
      const text = stored.get(id);
      if (text !== undefined) {
        stored.set(id, JSON.stringify({ ...JSON.parse(text), cookie: content.cookie }));
      }
      later(callback, this.failing.touch);
    };
  }
  const store = new RecordingStore();
  return Object.assign(store, { calls, stored, failing: {} });
}

/** Serves an application with one of the libraries while `work` sends requests to it. */
export async function servedWith(session, { options, routes, express = express5, before = [] }, work) {
  let ids = 0;
  const errors = [];
  const app = express();
  app.set("env", "test");
  for (const handler of before) app.use(handler);
  app.use(session({ secret: SECRET, genid: () => `id-${(ids += 1)}`, ...options }));
  routes(app, session);
  app.use((error, _req, res, next) => {
    errors.push(error.message);
    if (res.headersSent) next(error);
    else res.status(500).send(`failed: ${error.message}`);
  });
  const server = http.createServer(app);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const agent = new http.Agent({ keepAlive: true });
  try {
    return { seen: await work(new Browser(server.address().port, agent)), errors };
  } finally {
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Stores only what was changed, as most applications want it. */
export const QUIET = { resave: false, saveUninitialized: false };

/** The drop-in with the common routes, and some more before them. */
export function served(options, work, more = () => {}) {
  const routes = (app) => {
    more(app);
    routesOf(app);
  };
  return servedWith(ourSession, { options: { ...QUIET, ...options }, routes }, work);
}

/** What a browser's session holds. */
export const read = async (browser) => JSON.parse((await browser.send("/read")).body);

/** What a client sees, but for what says when and where. */
export class Browser {
  #cookies = new Map();
  #port;
  #agent;

  constructor(port, agent) {
    this.#port = port;
    this.#agent = agent;
  }

  clone() {
    const other = new Browser(this.#port, this.#agent);
    other.#cookies = new Map(this.#cookies);
    return other;
  }

  get cookie() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  send(path, { method = "GET", headers = {} } = {}) {
    const sent = this.cookie === "" ? headers : { cookie: this.cookie, ...headers };
    const options = { port: this.#port, agent: this.#agent, method, path, headers: sent };
    return new Promise((resolve, reject) => {
      const request = http.request(options, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text) => (body += text));
        response.on("error", () => resolve({ path, failed: "in its body" }));
        response.on("end", () => {
          const { date, etag, "keep-alive": _, connection, ...others } = response.headers;
          for (const line of others["set-cookie"] ?? []) this.#keep(line);
          resolve({ path, status: response.statusCode, headers: others, body });
        });
      });
      request.on("error", reject);
      request.end();
    });
  }

  #keep(line) {
    const [pair] = line.split(";", 1);
    const at = pair.indexOf("=");
    this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

export const EXPRESSES = [express5, express4];

/** A clock for both libraries that stands still; gives the real one back. */
export function standingClock(now) {
  const real = Date.now;
  Date.now = () => now.at;
  return () => (Date.now = real);
}
