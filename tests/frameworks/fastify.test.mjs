// `fastifySessions` with Fastify.
import { once } from "node:events";
import { connect } from "node:http2";
import { PassThrough, Readable } from "node:stream";
import { json } from "node:stream/consumers";
import fastifyCookie from "@fastify/cookie";
import { fastify } from "fastify";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { fastifySessions } from "sessile/fastify";
import { equal, same } from "../package/expect.mjs";
import { gate } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";
import { serving } from "./client.mjs";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

checkAdapter("fastify", async ({ app, routes, onError }) => {
  const server = fastify({ http: { maxHeaderSize: MAX_HEADER_BYTES } });
  await server.register(fastifySessions(app));
  server.setErrorHandler((error, request, reply) => {
    onError(error);
    return reply.code(500).send("failed");
  });
  for (const [path, handle] of Object.entries(routes)) {
    server.get(path, async (request, reply) => {
      const query = new URL(request.url, "http://host").searchParams;
      const { json, cookie, redirect, stream } = await handle(app.of(request), query);
      if (cookie !== undefined) reply.header("set-cookie", cookie);
      if (redirect !== undefined) return reply.redirect(redirect);
      if (stream !== undefined) return reply.type("text/plain").send(Readable.from(stream));
      // A string is sent as it is.
      return reply.type("application/json").send(JSON.stringify(json));
    });
  }
  await server.ready();
  return server.server;
});

/** A server with one session, named "sid"; `send` asks it by `inject`. */
async function serverOf(mount, { storage = new SessionStorageMemory(), before, ...options } = {}) {
  const app = sessions({ user: cookie("sid", storage) });
  const server = fastify(options);
  await before?.(server);
  await server.register(fastifySessions(app));
  await mount(server, app);
  let held;
  const send = async (url, more = {}) => {
    const response = await server.inject({ url, cookies: held === undefined ? {} : { sid: held }, ...more });
    const given = response.cookies.find(({ name }) => name === "sid");
    if (given !== undefined) held = given.value;
    return response;
  };
  return { server, send, app };
}

const visit = (value) => ({ visits: (value?.visits ?? 0) + 1 });
const count = async (request) => request.sessions.user.update(visit);
const namesOf = (response) => response.cookies.map(({ name }) => name).sort();

describe("fastify", () => {
  it("request.sessions are those of the application, in plugins within and not in those beside", async () => {
    const seen = [];
    const app = sessions({ user: cookie("sid", new SessionStorageMemory()) });
    const server = fastify();
    server.register(async (scope) => {
      await scope.register(fastifySessions(app));
      scope.get("/direct", async (request) => {
        seen.push(request.sessions === app.of(request));
        return count(request);
      });
      scope.register(async (within) => void within.get("/within", count));
    });
    server.register(async (beside) => {
      beside.get("/beside", async (request) => {
        seen.push(request.sessions);
        return "ok";
      });
    });
    for (const path of ["/direct", "/within"]) {
      same((await server.inject(path)).json(), { visits: 1 }, path);
    }
    await server.inject("/beside");
    same(seen, [true, undefined]);
  });

  it("a plugin within that opens them again leaves the sessions as they are", async () => {
    const { send } = await serverOf((server, app) => {
      server.addHook("onRequest", async (request) => void (await count(request)));
      server.register(async (within) => {
        await within.register(fastifySessions(app));
        within.get("/", count);
      });
    });
    const response = await send("/");
    same(response.json(), { visits: 2 });
    same(namesOf(response), ["sid"]);
  });

  it("the cookie is secure where Fastify says that the request is", async () => {
    for (const [trustProxy, forwarded, isSecure] of [
      [true, "https", true],
      [true, "http", false],
      [false, "https", false],
    ]) {
      const { send } = await serverOf((server) => void server.get("/", count), { trustProxy });
      const response = await send("/", { headers: { "x-forwarded-proto": forwarded } });
      equal(response.cookies[0].secure ?? false, isSecure, `${trustProxy} ${forwarded}`);
    }
  });

  it("cookies of @fastify/cookie, of the raw response and of a Response are kept", async () => {
    const mount = (server) => {
      server.get("/plugin", async (request, reply) => {
        reply.setCookie("a", "b").setCookie("c", "d");
        return count(request);
      });
      server.get("/raw", async (request, reply) => {
        reply.raw.setHeader("set-cookie", ["a=b", "c=d"]);
        return count(request);
      });
      server.get("/list", async (request, reply) => {
        reply.header("set-cookie", ["a=b", "c=d"]);
        return count(request);
      });
      server.get("/response", async (request) => {
        await count(request);
        const headers = new Headers([
          ["set-cookie", "a=b"],
          ["set-cookie", "c=d"],
        ]);
        return new Response("ok", { headers });
      });
    };
    for (const place of ["before", "after"]) {
      for (const path of ["/plugin", "/raw", "/list", "/response"]) {
        const register = (server) => server.register(fastifyCookie);
        const { send } = await (place === "before"
          ? serverOf(mount, { before: register })
          : serverOf(async (server) => {
              await register(server);
              mount(server);
            }));
        same(namesOf(await send(path)), ["a", "c", "sid"], `${path}, ${place} the sessions`);
      }
    }
  });

  it("HEAD, empty answers, buffers and web streams go with it", async () => {
    const body = () => Readable.toWeb(Readable.from(["the ", "page"]));
    const { send } = await serverOf((server) => {
      const get = (path, answer) =>
        server.get(path, async (request, reply) => {
          await request.sessions.user.update(visit);
          return answer(reply);
        });
      get("/empty", (reply) => reply.code(204).send());
      get("/buffer", () => Buffer.from("the page"));
      get("/web", (reply) => reply.send(body()));
      get("/response", () => new Response(body(), { status: 201 }));
    });
    for (const [path, method, status, text] of [
      ["/empty", "GET", 204, ""],
      ["/buffer", "HEAD", 200, ""],
      ["/buffer", "GET", 200, "the page"],
      ["/web", "GET", 200, "the page"],
      ["/response", "GET", 201, "the page"],
    ]) {
      const response = await send(path, { method, cookies: {} });
      same([response.statusCode, response.body], [status, text], path);
      same(namesOf(response), ["sid"], path);
      equal(response.headers["cache-control"], 'private, no-cache="set-cookie"');
    }
  });

  it("HTTP/2 has the same sessions", async () => {
    const { server } = await serverOf(
      (server) => {
        server.get("/", count);
        server.get("/hijacked", async (request, reply) => {
          await count(request);
          reply.hijack();
          reply.raw.writeHead(200, { "set-cookie": "a=b" }).end("{}");
        });
      },
      { http2: true },
    );
    await server.listen({ port: 0, host: "127.0.0.1" });
    const client = connect(`http://127.0.0.1:${server.server.address().port}`);
    const send = async (headers) => {
      const request = client.request(headers);
      const [answer] = await once(request, "response");
      return { cookies: answer["set-cookie"] ?? [], value: await json(request) };
    };
    try {
      const first = await send({ ":path": "/" });
      const [pair] = first.cookies[0].split(";", 1);
      same(await send({ ":path": "/", cookie: pair }), { cookies: [], value: { visits: 2 } });
      const hijacked = await send({ ":path": "/hijacked" });
      same(
        hijacked.cookies.map((line) => line.split("=", 1)[0]),
        ["a", "sid"],
      );
    } finally {
      client.close();
      await server.close();
    }
  });

  it("a hijacked reply is held back until its session is stored", async () => {
    const { server } = await serverOf((server) => {
      server.get("/value", (request) => request.sessions.user.get());
      server.get("/", async (request, reply) => {
        await request.sessions.user.update(visit);
        reply.hijack();
        reply.hijack();
        reply.raw.writeHead(202, { "set-cookie": "a=b", "content-type": "text/plain" });
        reply.raw.write("the ");
        reply.raw.end("page");
      });
    });
    await server.ready();
    await serving(server.server, async (client) => {
      const response = await client.send("/");
      same([response.status, await response.text()], [202, "the page"]);
      same(
        response.headers.getSetCookie().map((line) => line.split("=", 1)[0]),
        ["a", "sid"],
      );
      same(await client.json("/value"), { visits: 1 });
    });
  });

  it("a hijacked reply whose session cannot be stored is an empty 500, and the request's log is told", async () => {
    const storage = new SessionStorageMemory();
    storage.set = () => Promise.reject(new Error("down"));
    const lines = [];
    const logger = { level: "error", stream: { write: (line) => lines.push(JSON.parse(line)) } };
    const mount = (server) => {
      server.get("/", async (request, reply) => {
        await request.sessions.user.update(visit);
        reply.hijack();
        reply.raw.end("welcome");
      });
    };
    const { send } = await serverOf(mount, { storage, logger });
    const response = await send("/");
    same([response.statusCode, response.body, namesOf(response)], [500, "", []]);
    same(
      lines.map(({ err }) => err.code),
      ["ERR_SESSION_STORAGE"],
    );
  });

  it("a failed commit leaves nothing of the answer but what is not of its content, and ends its stream", async () => {
    const storage = new SessionStorageMemory();
    storage.set = () => Promise.reject(new Error("down"));
    const bodies = {
      "/node": (closed) => new PassThrough().on("close", closed.open),
      "/web": (closed) => new ReadableStream({ cancel: closed.open }),
      "/response": (closed) => new Response(new ReadableStream({ cancel: closed.open })),
    };
    for (const [path, bodyOf] of Object.entries(bodies)) {
      const closed = gate();
      const { send } = await serverOf(
        (server) => {
          server.setErrorHandler(async (error) => error.code);
          server.get(path, async (request, reply) => {
            await request.sessions.user.update(visit);
            reply.headers({ etag: "1", "cache-control": "public", "access-control-allow-origin": "*" });
            return reply.send(bodyOf(closed));
          });
        },
        { storage },
      );
      const { body, headers } = await send(path);
      equal(body, "ERR_SESSION_STORAGE", path);
      same(
        [headers["etag"], headers["cache-control"], headers["access-control-allow-origin"]],
        [undefined, undefined, "*"],
      );
      await closed.opened;
    }
  });

  it("what the error handler changes is stored if it commits it, and told to the client", async () => {
    const { send } = await serverOf((server) => {
      server.setErrorHandler(async (error, request, reply) => {
        await request.sessions.user.set({ flash: error.message });
        if (error.message === "yes") await request.sessions.user.commit();
        return reply.redirect("/value");
      });
      server.get("/throws", async (request) => {
        throw new Error(request.query.commits);
      });
      server.get("/value", async (request, reply) => reply.send((await request.sessions.user.get()) ?? {}));
    });
    same(namesOf(await send("/throws?commits=no")), []);
    same((await send("/value")).json(), {});
    same(namesOf(await send("/throws?commits=yes")), ["sid"]);
    same((await send("/value")).json(), { flash: "yes" });
  });

  it("a request that is refused before its handler has stored nothing", async () => {
    const schema = { querystring: { type: "object", required: ["page"] } };
    const { send } = await serverOf((server) => {
      server.addHook("preValidation", async (request) => void (await count(request)));
      server.get("/", { schema }, async () => "ok");
    });
    const refused = await send("/");
    same([refused.statusCode, namesOf(refused)], [400, []]);
    const taken = await send("/?page=1");
    same([taken.statusCode, namesOf(taken)], [200, ["sid"]]);
  });

  it("a hook after it that fails gets its own error, and what was stored is told once", async () => {
    const { send } = await serverOf((server) => {
      let fails = true;
      server.addHook("onSend", async () => {
        if (fails) {
          fails = false;
          throw new Error("of the hook");
        }
      });
      server.get("/", count);
    });
    const response = await send("/");
    same([response.statusCode, response.json().message], [500, "of the hook"]);
    same(namesOf(response), ["sid"]);
  });
});
