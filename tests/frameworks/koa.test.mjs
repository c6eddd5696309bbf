// `koaSessions` with Koa 2 and 3.
import { createServer } from "node:http";
import { PassThrough, Readable } from "node:stream";
import koa3 from "koa";
import koa2 from "koa2";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { koaSessions } from "sessile/koa";
import { equal, same } from "../package/expect.mjs";
import { gate } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";
import { Client, serving } from "./client.mjs";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

for (const [name, Koa] of [
  ["koa 2", koa2],
  ["koa 3", koa3],
]) {
  checkAdapter(name, ({ app, routes, onError }) => {
    const server = new Koa();
    server.on("error", onError);
    server.use(koaSessions(app));
    server.use(async (ctx, next) => {
      const handle = routes[ctx.path];
      if (handle === undefined) return next();
      const { json, cookie, redirect, stream } = await handle(app.of(ctx), ctx.URL.searchParams);
      if (cookie !== undefined) ctx.append("set-cookie", cookie);
      if (redirect !== undefined) ctx.redirect(redirect);
      else if (stream !== undefined) ctx.body = Readable.from(stream);
      else ctx.body = JSON.stringify(json);
    });
    return createServer({ maxHeaderSize: MAX_HEADER_BYTES }, server.callback());
  });

  /** A server with one session, named "sid", and one handler; `errors` gets what Koa tells of. */
  function serverOf(handler, { errors = [], storage = new SessionStorageMemory(), before, ...options } = {}) {
    const app = sessions({ user: cookie("sid", storage, { tags: ["all"] }) });
    const server = new Koa(options);
    server.on("error", (error) => errors.push(error));
    if (before !== undefined) server.use(before);
    server.use(koaSessions(app));
    server.use((ctx) => handler(ctx, app));
    return createServer(server.callback());
  }

  describe(name, () => {
    it("ctx.sessions are those of the application", async () => {
      const server = serverOf((ctx, app) => {
        ctx.body = String(app.of(ctx) === ctx.sessions);
      });
      await serving(server, async (client) => equal(await client.text("/"), "true"));
    });

    it("the middleware in a composed part of the application leaves the sessions as they are", async () => {
      const visit = (value) => ({ visits: (value?.visits ?? 0) + 1 });
      const server = serverOf(async (ctx, app) => {
        await ctx.sessions.user.update(visit);
        await koaSessions(app)(ctx, async () => {
          ctx.body = await ctx.sessions.user.update(visit);
        });
      });
      await serving(server, async (client) => {
        const response = await client.send("/");
        equal(response.headers.getSetCookie().length, 1);
        same(await response.json(), { visits: 2 });
      });
    });

    it("the cookie is secure where Koa says that the request is", async () => {
      for (const [proxy, forwarded, isSecure] of [
        [true, "https", true],
        [true, "http", false],
        [false, "https", false],
      ]) {
        const handler = async (ctx) => {
          await ctx.sessions.user.set({ secure: ctx.secure });
          ctx.body = "ok";
        };
        await serving(serverOf(handler, { proxy }), async (client) => {
          const response = await client.send("/", { headers: { "x-forwarded-proto": forwarded } });
          equal(response.headers.getSetCookie()[0].includes("; Secure"), isSecure, `${proxy} ${forwarded}`);
        });
      }
    });

    it("HEAD, 204 and cookies by Koa go with it", async () => {
      const server = serverOf(async (ctx) => {
        await ctx.sessions.user.update((value) => ({ visits: (value?.visits ?? 0) + 1 }));
        ctx.cookies.set("theme", "dark");
        if (ctx.path === "/empty") ctx.status = 204;
        else ctx.body = "the page";
      });
      await serving(server, async (client) => {
        for (const [path, method, status, text] of [
          ["/", "HEAD", 200, ""],
          ["/empty", "GET", 204, ""],
          ["/", "GET", 200, "the page"],
        ]) {
          const response = await client.clone().send(path, { method });
          same([response.status, await response.text()], [status, text]);
          equal(response.headers.getSetCookie().length, 2, path);
          equal(response.headers.get("cache-control"), 'private, no-cache="set-cookie"');
        }
      });
    });

    it("a middleware that catches within makes the request a good one", async () => {
      const server = serverOf(async (ctx) => {
        try {
          await ctx.sessions.user.set({ kept: true });
          throw new Error("caught");
        } catch {
          ctx.body = "ok";
        }
      });
      await serving(server, async (client) =>
        equal((await client.send("/")).headers.getSetCookie().length, 1),
      );
    });

    it("what was committed before it threw is told by a middleware that catches further out", async () => {
      const before = async (ctx, next) => {
        try {
          await next();
        } catch {
          ctx.body = "caught";
        }
      };
      const handler = async (ctx) => {
        await ctx.sessions.user.set({ kept: true });
        await ctx.sessions.user.commit();
        throw new Error("caught");
      };
      await serving(serverOf(handler, { before }), async (client) => {
        const response = await client.send("/");
        equal(await response.text(), "caught");
        equal(response.headers.getSetCookie().length, 1);
      });
    });

    it("a failed commit ends the stream that was to be the body", async () => {
      const storage = new SessionStorageMemory();
      storage.set = () => Promise.reject(new Error("down"));
      const errors = [];
      const closed = gate();
      const handler = async (ctx) => {
        await ctx.sessions.user.set({ name: "Ada" });
        ctx.body = new PassThrough().on("close", closed.open);
      };
      await serving(serverOf(handler, { errors, storage }), async (client) => {
        const response = await client.send("/");
        same([response.status, await response.text()], [500, "Internal Server Error"]);
        await closed.opened;
      });
      same(
        errors.map(({ code }) => code),
        ["ERR_SESSION_STORAGE"],
      );
    });

    it("after the headers, changes are stored and a new session is an error", async () => {
      const storage = new SessionStorageMemory();
      const errors = [];
      const handler = async (ctx) => {
        if (ctx.path === "/value") return void (ctx.body = await ctx.sessions.user.get());
        if (ctx.path === "/late") {
          ctx.respond = false;
          ctx.res.flushHeaders();
        }
        await ctx.sessions.user.update((value) => ({ visits: (value?.visits ?? 0) + 1 }));
        ctx.body = "ok";
      };
      // The response ends when the middleware of the sessions has.
      const before = (ctx, next) => next().finally(() => ctx.path === "/late" && ctx.res.end("late"));
      const server = serverOf(handler, { errors, storage, before });
      await serving(server, async (client) => {
        await client.send("/");
        equal(await client.text("/late"), "late");
        equal(errors.length, 0);
        same(await client.json("/value"), { visits: 2 });

        const response = await new Client(client.origin).send("/late");
        equal(await response.text(), "late");
        same([...response.headers.getSetCookie()], []);
      });
      equal((await storage.stats()).sessions, 1);
      same(
        errors.map(({ code }) => code),
        ["ERR_SESSION_CLOSED"],
      );
    });
  });
}
