// `app.express()` with Express 4 and 5.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Readable } from "node:stream";
import compression from "compression";
import express5 from "express";
import express4 from "express4";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { equal, matches, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { serving } from "./client.mjs";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

for (const [name, express] of [
  ["express 4", express4],
  ["express 5", express5],
]) {
  const start = ({ app, routes, onError }) => {
    const server = express();
    server.use(app.express({ onError }));
    for (const [path, handle] of Object.entries(routes)) {
      server.get(path, async (request, response, next) => {
        try {
          send(response, await handle(request.sessions, new URL(request.url, "http://host").searchParams));
        } catch (error) {
          next(error);
        }
      });
    }
    server.use((error, request, response, _next) => {
      onError(error);
      response.status(500).send("failed");
    });
    return createServer({ maxHeaderSize: MAX_HEADER_BYTES }, server);
  };
  // Express tells a middleware nothing of errors, and the answer to one is a response as any other.
  checkAdapter(name, start, { storesWhatThrew: true });

  /** A server with one session, named "sid"; `mount` gets the application of Express. */
  const serverOf = (mount, options, storage = new SessionStorageMemory()) => {
    const app = sessions({ user: cookie("sid", storage) });
    const server = express();
    server.use(app.express(options));
    mount(server, app);
    return createServer(server);
  };
  const isGiven = (response) => response.headers.getSetCookie().some((line) => line.startsWith("sid="));

  describe(name, () => {
    it("every way to answer carries the cookie", async () => {
      const text = "a text that is worth a file";
      const ways = {
        "/send": (response) => response.send(text),
        "/json": (response) => response.json(text),
        "/sendFile": (response) => response.sendFile(fileURLToPath(import.meta.url)),
        "/download": (response) => response.download(fileURLToPath(import.meta.url), "tests.mjs"),
        "/redirect": (response) => response.redirect(303, "/elsewhere"),
        "/sendStatus": (response) => response.sendStatus(202),
        "/writeHead": (response) => response.writeHead(200, { "set-cookie": "a=b" }).end(text),
        "/writeHead-message": (response) => response.writeHead(201, "Made", ["Set-Cookie", "a=b"]).end(text),
        "/pipe": (response) => Readable.from([text, text]).pipe(response),
        "/flushHeaders": (response) => {
          response.flushHeaders();
          response.end(text);
        },
        "/cookie": (response) => response.cookie("a", "b").cookie("c", "d").send(text),
      };
      const server = serverOf((server) => {
        for (const [path, answer] of Object.entries(ways)) {
          server.get(path, async (request, response) => {
            await request.sessions.user.set({ path });
            answer(response);
          });
        }
      });
      await serving(server, async (client) => {
        const statuses = {};
        const cookies = {};
        for (const path of Object.keys(ways)) {
          const response = await client.clone().send(path);
          equal(isGiven(response), true, path);
          equal((await response.text()).length > 0, true, path);
          statuses[path] = response.status;
          cookies[path] = response.headers.getSetCookie().length;
          if (path === "/send")
            equal(response.headers.get("cache-control"), 'private, no-cache="set-cookie"');
          // `send` gives files one of its own.
          if (path === "/sendFile") equal(response.headers.get("cache-control"), "public, max-age=0");
        }
        same(Object.values(statuses), [200, 200, 200, 200, 303, 202, 200, 201, 200, 200, 200]);
        same(Object.values(cookies), [1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 3]);
      });
    });

    it("HEAD and 304 have their session and no body", async () => {
      const server = serverOf((server) => {
        server.get("/", async (request, response) => {
          await request.sessions.user.update((value) => ({ visits: (value?.visits ?? 0) + 1 }));
          response.send("the page");
        });
        server.get("/visits", async (request, response) => response.json(await request.sessions.user.get()));
      });
      await serving(server, async (client) => {
        const head = await client.send("/", { method: "HEAD" });
        same([head.status, head.headers.get("content-length"), await head.text()], [200, "8", ""]);
        equal(isGiven(head), true);
        const page = await client.send("/");
        equal(await page.text(), "the page");
        const headers = { "if-none-match": page.headers.get("etag"), "cache-control": "max-age=0" };
        const unchanged = await client.send("/", { headers });
        same([unchanged.status, await unchanged.text()], [304, ""]);
        same(await client.json("/visits"), { visits: 3 });
      });
    });

    it("routers that are mounted have the sessions of the application, also if they open them again", async () => {
      const server = serverOf((server, app) => {
        const inner = express.Router();
        inner.use(app.express());
        inner.get("/page", async (request, response) => {
          await request.sessions.user.update((value) => ({ ...value, inner: true }));
          response.json(app.of(request).user === request.sessions.user);
        });
        server.use("/inner", async (request, response, next) => {
          await request.sessions.user.set({ outer: true });
          next();
        });
        server.use("/inner", inner);
        server.get("/value", async (request, response) => response.json(await request.sessions.user.get()));
      });
      await serving(server, async (client) => {
        const response = await client.send("/inner/page");
        equal(response.headers.getSetCookie().length, 1);
        equal(await response.json(), true);
        same(await client.json("/value"), { outer: true, inner: true });
      });
    });

    it("the cookie is secure where Express says that the request is", async () => {
      for (const [trusted, forwarded, isSecure] of [
        [true, "https", true],
        [true, "http", false],
        [false, "https", false],
      ]) {
        const server = serverOf((server) => {
          server.set("trust proxy", trusted);
          server.get("/", async (request, response) => {
            await request.sessions.user.set({ secure: request.secure });
            response.send("ok");
          });
        });
        await serving(server, async (client) => {
          const response = await client.send("/", { headers: { "x-forwarded-proto": forwarded } });
          equal(response.headers.getSetCookie()[0].includes("; Secure"), isSecure, `${trusted} ${forwarded}`);
        });
      }
    });

    it("a middleware that compresses may stand before or after it", async () => {
      const text = "the page ".repeat(50_000);
      for (const place of ["before", "after"]) {
        const app = sessions({ user: cookie("sid", new SessionStorageMemory()) });
        const server = express();
        const middlewares = [app.express(), compression()];
        for (const one of place === "before" ? middlewares.reverse() : middlewares) server.use(one);
        server.get("/send", async (request, response) => {
          await request.sessions.user.set({ name: "Ada" });
          response.send(text);
        });
        server.get("/pipe", async (request, response) => {
          await request.sessions.user.set({ name: "Ada" });
          Readable.from(text.match(/.{1,4500}/g)).pipe(response.type("text/plain"));
        });
        await serving(createServer(server), async (client) => {
          for (const path of ["/send", "/pipe"]) {
            const response = await client.clone().send(path);
            equal(response.headers.get("content-encoding") !== null, true, "compressed");
            equal((await response.text()) === text, true, `${path}, compressed ${place}`);
            equal(isGiven(response), true);
          }
        });
      }
    });

    it("an error after the answer ends the connection and not the process, and its session is stored", async () => {
      const storage = new SessionStorageMemory();
      const server = serverOf(
        (server) => {
          server.set("env", "test");
          server.get("/answered", async (request, response, next) => {
            await request.sessions.user.set({ name: "Ada" });
            response.redirect("/next");
            next(new Error("after the answer"));
          });
          server.get("/streamed", async (request, response, next) => {
            await request.sessions.user.set({ name: "Ada" });
            response.write("the first half");
            next(new Error("within the stream"));
          });
        },
        undefined,
        storage,
      );
      await serving(server, async (client) => {
        for (const path of ["/answered", "/streamed"]) {
          equal(await client.text(path).catch(() => "cut off"), "cut off", path);
        }
        equal((await client.send("/elsewhere")).status, 404);
      });
      equal((await storage.stats()).sessions, 2);
    });

    it("an error handler's own changes are stored with its answer", async () => {
      const server = serverOf((server) => {
        server.get("/", (request, response, next) => next(new Error("of the handler")));
        server.get("/value", async (request, response) => response.json(await request.sessions.user.get()));
        server.use(async (error, request, response, _next) => {
          await request.sessions.user.set({ flash: error.message });
          response.redirect("/value");
        });
      });
      await serving(server, async (client) => {
        equal((await client.send("/")).status, 302);
        same(await client.json("/value"), { flash: "of the handler" });
      });
    });

    it("a failure of which nobody wants to be told is logged, without its cause", async () => {
      const storage = new SessionStorageMemory();
      storage.set = () => Promise.reject(new Error("secret content"));
      const server = serverOf(
        (server) => {
          server.get("/", async (request, response) => {
            await request.sessions.user.set({ name: "Ada" });
            response.send("ok");
          });
        },
        undefined,
        storage,
      );
      const { error } = console;
      const logged = [];
      console.error = (...given) => logged.push(given.join(" "));
      try {
        await serving(server, async (client) => equal((await client.send("/")).status, 500));
      } finally {
        console.error = error;
      }
      equal(logged.length, 1);
      matches(logged[0], /^SessionError: the storage of sessions failed\n/);
      equal(logged[0].includes("secret content"), false);
    });
  });
}

/** An answer of routes.mjs, as Express gives it. */
function send(response, { json, cookie, redirect, stream }) {
  if (cookie !== undefined) response.append("set-cookie", cookie);
  if (redirect !== undefined) response.redirect(redirect);
  else if (stream !== undefined) Readable.from(stream).pipe(response.type("text/plain"));
  else response.json(json);
}
