import { createServer } from "node:http";
import {
  H3,
  HTTPError,
  HTTPResponse,
  fromNodeHandler,
  iterable,
  redirect,
  toNodeHandler,
  withBase,
} from "h3";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { h3Sessions } from "sessile/h3";
import { FastResponse } from "srvx";
import { equal, matches, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { watching } from "../package/watching.mjs";
import { serving } from "./client.mjs";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

const PRIVATE = 'private, no-cache="set-cookie"';

const listener = (server) => createServer({ maxHeaderSize: MAX_HEADER_BYTES }, toNodeHandler(server));

checkAdapter("h3", ({ app, routes, onError }) => {
  const server = new H3({
    silent: true,
    // A response of its own would have those headers alone that it is given.
    onError: ({ cause }) => void onError(cause),
  });
  server.use(h3Sessions(app));
  for (const [path, route] of Object.entries(routes)) {
    server.get(path, async (event) => {
      const answer = await route(app.of(event), event.url.searchParams);
      if (answer.cookie !== undefined) event.res.headers.append("set-cookie", answer.cookie);
      if (answer.redirect !== undefined) return redirect(answer.redirect);
      if (answer.stream !== undefined) return iterable(answer.stream);
      return new HTTPResponse(JSON.stringify(answer.json), {
        headers: { "content-type": "application/json" },
      });
    });
  }
  return listener(server);
});

/** Serves what `route` makes of an application with one session, and does `work` with a client. */
async function h3With(route, work) {
  const storage = watching(new SessionStorageMemory());
  const app = sessions({ user: cookie("sid", storage) });
  const errors = [];
  const server = new H3({ silent: true, onError: (error) => void errors.push(error) });
  server.use(h3Sessions(app)).get("/value", async (event) => (await app.of(event).user.get()) ?? null);
  route(server, app);
  await serving(listener(server), (client) => work(client, { storage, errors }));
}

describe("h3, beside what all promise", () => {
  it("every kind of answer carries the cookie, and a Cache-Control of its own stays", async () => {
    const own = { "cache-control": "no-store" };
    const answers = {
      text: () => "text",
      json: () => ({ json: true }),
      nothing: () => undefined,
      bytes: () => new Uint8Array(3),
      stream: () => new Blob(["stream"]).stream(),
      response: () => new Response("response"),
      fast: () => new FastResponse("response"),
      immutable: () => Response.redirect("http://example.org/"),
      failure: () => new Response("failure", { status: 503 }),
      "own-response": () => new Response("own", { headers: own }),
      "own-answer": () => new HTTPResponse("own", { headers: own }),
      "own-event": (event) => {
        event.res.headers.set("cache-control", "no-store");
        return "own";
      },
    };
    const route = (server, app) => {
      for (const [name, answer] of Object.entries(answers)) {
        server.get(`/${name}`, async (event) => {
          await app.of(event).user.set({ name });
          return answer(event);
        });
      }
    };
    await h3With(route, async (client) => {
      for (const name of Object.keys(answers)) {
        const each = new client.constructor(client.origin);
        const response = await each.send(`/${name}`);
        await response.arrayBuffer();
        matches(response.headers.getSetCookie()[0], /^sid=/, name);
        equal(response.headers.get("cache-control"), name.startsWith("own") ? "no-store" : PRIVATE, name);
        same(await each.json("/value"), { name });
      }
    });
  });

  it("a body that does not go out is cancelled", async () => {
    const cancelled = [];
    const body = (name) => new ReadableStream({ cancel: () => void cancelled.push(name) });
    const answers = {
      stream: body,
      answer: (name) => new HTTPResponse(body(name)),
      response: (name) => new Response(body(name)),
    };
    const route = (server, app) => {
      for (const [name, answer] of Object.entries(answers)) {
        server.get(`/${name}`, (event) =>
          app
            .of(event)
            .user.set({ name })
            .then(() => answer(name)),
        );
      }
    };
    await h3With(route, async (client, { storage }) => {
      storage.instead.set = () => Promise.reject(new Error("refused"));
      for (const name of Object.keys(answers)) {
        const response = await client.send(`/${name}`);
        equal(response.status, 500);
        await response.text();
      }
      same(cancelled, Object.keys(answers));
    });
  });

  it("an error that is thrown or returned, and h3's own 404, store nothing", async () => {
    const route = (server, app) => {
      const refuse = () => new HTTPError({ status: 403, message: "no" });
      const half = (event) => app.of(event).user.update((user) => ({ ...user, half: "done" }));
      server.get("/throws", (event) => half(event).then(() => Promise.reject(refuse())));
      server.get("/returns", (event) => half(event).then(refuse));
      server.use("/nowhere", async (event) => void (await half(event)));
    };
    await h3With(route, async (client, { storage }) => {
      for (const [path, status] of [
        ["/throws", 403],
        ["/returns", 403],
        ["/nowhere", 404],
      ]) {
        const response = await client.send(path);
        await response.text();
        equal(response.status, status, path);
        same(response.headers.getSetCookie(), [], path);
      }
      equal(storage.calls.set, undefined);
    });
  });

  it("an error still tells of what was stored or ended before it", async () => {
    const route = (server, app) => {
      server.get("/commits", async (event) => {
        await app.of(event).user.set({ name: "Ada" });
        await app.of(event).user.commit();
        throw new HTTPError({ status: 404 });
      });
      server.get("/clears", async (event) => {
        await app.of(event).user.clear();
        throw new HTTPError({ status: 404 });
      });
    };
    await h3With(route, async (client) => {
      const response = await client.send("/commits");
      equal(response.status, 404);
      equal(response.headers.get("cache-control"), PRIVATE);
      same(await client.json("/value"), { name: "Ada" });
      const cleared = await client.send("/clears");
      matches(cleared.headers.getSetCookie()[0], /^sid=; Max-Age=0;/);
      equal(client.cookie, "");
    });
  });

  it("mounted applications and a base path have the sessions of the one above", async () => {
    const route = (server, app) => {
      const below = new H3().get("/deep", (event) => app.of(event).user.set({ at: "mount" }));
      server.mount("/mounted", below);
      server.all(
        "/base/**",
        withBase("/base", (event) => app.of(event).user.set({ at: "base" })),
      );
    };
    await h3With(route, async (client) => {
      await client.send("/mounted/deep");
      same(await client.json("/value"), { at: "mount" });
      await client.send("/base/deep");
      same(await client.json("/value"), { at: "base" });
    });
  });

  it("a middleware that is named twice opens the sessions once", async () => {
    const route = (server, app) => {
      server.use("/twice", async (event) => void (await app.of(event).user.set({ outer: true })));
      const twice = async (event) => app.of(event).user.update((user) => ({ ...user, inner: true }));
      server.get("/twice", twice, { middleware: [h3Sessions(app)] });
    };
    await h3With(route, async (client) => {
      const response = await client.send("/twice");
      equal(response.headers.getSetCookie().length, 1);
      same(await client.json("/value"), { outer: true, inner: true });
    });
  });

  it("a handler that writes Node's response itself can change a session, but not begin one", async () => {
    const route = (server, app) => {
      server.get("/begin", (event) => app.of(event).user.set({ count: 0 }));
      server.get("/raw", async (event) => {
        await app.of(event).user.update((user) => ({ count: (user?.count ?? 0) + 1 }));
        return fromNodeHandler((_, response) => response.end("raw"))(event);
      });
    };
    await h3With(route, async (client, { errors }) => {
      equal(await client.text("/raw"), "raw");
      equal(client.cookie, "");
      equal(errors[0]?.cause.code, "ERR_SESSION_CLOSED");
      await client.send("/begin");
      equal(await client.text("/raw"), "raw");
      same(await client.json("/value"), { count: 1 });
      equal(errors.length, 1);
    });
  });
});
