// The middleware for node:http, over real sockets.
import { createServer, request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { equal, matches, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { gate, watched } from "./sessions-app.mjs";

/** Serves one handler behind the middleware while `work` sends requests to it. */
async function serving({ storage = new SessionStorageMemory(), definition = {}, options, handler }, work) {
  const app = sessions({ user: cookie("user", storage, definition) });
  const middleware = app.node(options);
  const server = createServer((req, res) => {
    middleware(req, res, () => {
      Promise.resolve(handler(req, res, app)).catch((error) => res.destroy(error));
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  const send = (headers = {}, path = "/") =>
    new Promise((resolve, reject) => {
      const sent = httpRequest({ port, path, headers, host: "127.0.0.1", agent: false }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            cookies: response.headers["set-cookie"] ?? [],
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      sent.on("error", reject);
      sent.end();
    });
  try {
    return await work(send);
  } finally {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
}

const cookieOf = ({ cookies }) => cookies.find((line) => line.startsWith("user="))?.split(";", 1)[0];
const visit = (value) => ({ visits: (value?.visits ?? 0) + 1 });

describe("sessions in node:http", () => {
  it("stores before the headers go out, and knows the client again", async () => {
    const handler = async (req, res) => {
      const { visits } = await req.sessions.user.update(visit);
      res.end(`visit ${visits}`);
    };
    await serving({ handler }, async (send) => {
      const first = await send();
      equal(first.body, "visit 1");
      matches(first.cookies[0], /^user=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
      equal(first.headers["cache-control"], 'private, no-cache="set-cookie"');
      const second = await send({ cookie: cookieOf(first) });
      equal(second.body, "visit 2");
      same(second.cookies, []);
    });
  });

  it("stores what nobody has waited for, and sends at once where there is nothing to wait for", async () => {
    let at;
    let atOnce;
    const handler = async (req, res) => {
      const { user } = req.sessions;
      if (req.url === "/waits") ({ visits: at } = await user.update(visit));
      else void user.update(visit);
      if (req.url === "/twice") void user.set({ visits: 40 });
      res.end("sent");
      atOnce = res.writableEnded;
    };
    await serving({ handler }, async (send) => {
      const known = { cookie: cookieOf(await send({}, "/waits")) };
      equal(atOnce, false, "whether a response with a new cookie has gone when end() comes back");
      await send(known, "/waits");
      same([at, atOnce], [2, true], "visits, and whether the response had gone when end() came back");
      await send(known, "/");
      equal(atOnce, false, "whether a response has gone before what nobody has waited for");
      await send(known, "/waits");
      equal(at, 4, "visits");
      await send(known, "/twice");
      await send(known, "/waits");
      equal(at, 41, "visits");
    });
  });

  it("S1_200_parallel_requests_count_to_200", async () => {
    const handler = async (req, res) => {
      const { visits } = await req.sessions.user.update(visit);
      res.end(String(visits));
    };
    await serving({ handler }, async (send) => {
      const first = { cookie: cookieOf(await send()) };
      await Promise.all(Array.from({ length: 200 }, () => send(first)));
      equal((await send(first)).body, "202");
    });
  });

  it("keeps order, callbacks and every way to send headers", async () => {
    const told = [];
    const ways = {
      "/end": (res) => res.end("abc", () => told.push("end")),
      "/writeHead": (res) => res.writeHead(200, { "Content-Type": "text/plain" }).end("abc"),
      "/writeHead-cookie": (res) => res.writeHead(200, "Fine", { "Set-Cookie": ["a=1", "b=2"] }).end("abc"),
      "/writeHead-flat": (res) => res.writeHead(200, ["Set-Cookie", "a=1", "Set-Cookie", "b=2"]).end("abc"),
      "/flushHeaders": (res) => {
        res.flushHeaders();
        res.end("abc");
      },
      "/write": (res) => {
        equal(
          res.write("a", () => told.push("a")),
          false,
        );
        res.write(Buffer.from("b"), () => told.push("b"));
        res.end("c");
      },
      "/pipe": (res) => Readable.from(["a", "b", "c"]).pipe(res),
    };
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      ways[req.url](res);
    };
    await serving({ handler }, async (send) => {
      for (const path of Object.keys(ways)) {
        const answer = await send({}, path);
        equal(answer.body, "abc", path);
        equal(answer.status, 200, path);
        const others = path.startsWith("/writeHead-") ? ["a=1", "b=2"] : [];
        same(answer.cookies.slice(0, -1), others, path);
        matches(answer.cookies.at(-1), /^user=/, path);
      }
    });
    same([...told].sort(), ["a", "b", "end"]);
  });

  it("streams more than any buffer holds", async () => {
    const piece = Buffer.alloc(65_536, "x");
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      Readable.from(Array.from({ length: 64 }, () => piece)).pipe(res);
    };
    await serving({ handler }, async (send) => equal((await send()).body.length, 64 * 65_536));
  });

  it("a redirect arrives after its session is stored", async () => {
    const storage = watched();
    const waits = gate();
    let stored = false;
    storage.instead.set = async (...given) => {
      await waits.opened;
      stored = true;
      return storage.memory.set(...given);
    };
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      res.writeHead(302, { location: "/next" });
      res.end();
      equal(res.socket.bytesWritten, 0);
      waits.open();
    };
    await serving({ storage, handler }, async (send) => {
      const answer = await send();
      same([answer.status, answer.headers.location, stored], [302, "/next", true]);
      matches(answer.cookies[0], /^user=/);
    });
  });

  it("S6_a_storage_that_fails_is_an_empty_500_and_an_error_for_the_application", async () => {
    const storage = watched();
    storage.instead.set = () => Promise.reject(new Error("secret-host:6379 refused"));
    const errors = [];
    const told = [];
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      res.setHeader("x-of-the-page", "1");
      res.setHeader("content-length", "7");
      res.end("welcome", (error) => told.push(error?.code));
    };
    const options = { onError: (error) => errors.push(error.code) };
    await serving({ storage, handler, options }, async (send) => {
      const answer = await send();
      same([answer.status, answer.body, answer.cookies], [500, "", []]);
      equal(answer.headers["x-of-the-page"], undefined);
    });
    same([errors, told], [["ERR_SESSION_STORAGE"], ["ERR_SESSION_STORAGE"]]);
  });

  it("headers that wait are as those that have been sent", async () => {
    const codes = [];
    const told = [];
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      equal(res.headersSent, false);
      // Somebody else has replaced it before.
      const original = res.setHeader.bind(res);
      res.setHeader = (name, value) => {
        told.push(name);
        return original(name, value);
      };
      res.setHeader("x-answer", "first");
      res.write("first");
      for (const change of [
        () => res.setHeader("x-answer", "second"),
        () => res.appendHeader("x-answer", "second"),
        () => res.removeHeader("x-answer"),
        () => res.writeHead(500),
      ]) {
        equal(res.headersSent, true);
        try {
          change();
        } catch (error) {
          codes.push(error.code);
        }
      }
      res.statusCode = 500;
      res.end();
      res.write("second");
      res.end("second");
    };
    await serving({ handler }, async (send) => {
      const answer = await send();
      same([answer.status, answer.body, answer.headers["x-answer"]], [200, "first", "first"]);
      matches(answer.cookies[0], /^user=/);
    });
    same(codes, Array(4).fill("ERR_HTTP_HEADERS_SENT"));
    same(told, ["x-answer", "set-cookie", "cache-control"], "what was replaced is called again");
  });

  it("what is still being sent when the commit fails is dropped", async () => {
    const storage = watched();
    const failing = gate();
    storage.instead.set = async () => {
      await failing.opened;
      throw new Error("down");
    };
    const told = [];
    const dropped = gate();
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      res.write("a", (error) => told.push(error.code));
      res.on("finish", () => {
        res.write("b");
        res.end("c", (error) => {
          told.push(error.code);
          dropped.open();
        });
      });
      Readable.from(["d", "e", "f"]).pipe(res);
      failing.open();
    };
    await serving({ storage, handler, options: { onError: () => {} } }, async (send) => {
      const answer = await send();
      same([answer.status, answer.body], [500, ""]);
      await dropped.opened;
    });
    same(told, ["ERR_SESSION_STORAGE", "ERR_SESSION_STORAGE"]);
  });

  it("the sessions of two applications are both told to the client", async () => {
    const other = sessions({ cart: cookie("cart", new SessionStorageMemory()) });
    const handler = async (req, res, app) => {
      other.node()(req, res, () => {});
      await app.of(req).user.set({ name: "Ada" });
      await other.of(req).cart.set(["a book"]);
      Readable.from(["a", "b", "c"]).pipe(res);
    };
    await serving({ handler }, async (send) => {
      const answer = await send();
      same([answer.body, answer.cookies.map((line) => line.split("=", 1)[0])], ["abc", ["cart", "user"]]);
    });
  });

  it("a request that does not ask is not held up", async () => {
    const storage = watched();
    const handler = (req, res, app) => {
      equal(app.of(req).user, req.sessions.user);
      res.end("abc");
      equal(res.headersSent, true);
    };
    await serving({ storage, handler }, async (send) => {
      const answer = await send({ cookie: "user=some" });
      same([answer.body, answer.cookies, storage.calls], ["abc", [], {}]);
    });
  });

  it("what a caller got wrong ends the response and not the process", async () => {
    const errors = [];
    const handler = async (req, res) => {
      await req.sessions.user.set({ name: "Ada" });
      res.write(42);
    };
    await serving({ handler, options: { onError: (error) => errors.push(error.code) } }, async (send) => {
      const failed = await send().then(
        () => false,
        () => true,
      );
      equal(failed, true);
    });
    equal(errors.length, 1);
  });
});
