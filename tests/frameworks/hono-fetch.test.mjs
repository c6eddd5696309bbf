// `honoSessions` with Hono as it is in every runtime, without a server.
import { Hono } from "hono";
import { cors } from "hono/cors";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { honoSessions } from "sessile/hono";
import { equal, same } from "../package/expect.mjs";
import { gate } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";

/** An application with one session, named "sid"; `send` asks it as a server would, without one. */
function appOf(mount, storage = new SessionStorageMemory()) {
  const app = sessions({ user: cookie("sid", storage) });
  const server = new Hono();
  server.use(honoSessions(app));
  mount(server, app);
  let held;
  const send = async (path, url = "http://localhost") => {
    const response = await server.request(url + path, {
      headers: held === undefined ? {} : { cookie: held },
    });
    const [line] = response.headers.getSetCookie().filter((line) => line.startsWith("sid="));
    if (line !== undefined) held = line.split(";", 1)[0];
    return response;
  };
  return { server, send };
}

const visit = (value) => ({ visits: (value?.visits ?? 0) + 1 });

describe("hono without a server", () => {
  it("c.var has the sessions, app.of(c) too, and the cookie is secure by the URL", async () => {
    const { send } = appOf((server, app) => {
      server.get("/", async (c) => {
        await c.var.sessions.user.update(visit);
        return c.text(String(app.of(c) === c.get("sessions")));
      });
    });
    const response = await send("/");
    equal(await response.text(), "true");
    equal(response.headers.getSetCookie()[0].includes("; Secure"), false);
    const secure = appOf((server) => {
      server.get("/", async (c) => c.json(await c.var.sessions.user.update(visit)));
    });
    const given = await secure.send("/", "https://example.org");
    equal(given.headers.getSetCookie()[0].includes("; Secure"), true);
  });

  it("responses that cannot be changed carry the cookie, and their headers once", async () => {
    const { send } = appOf((server) => {
      server.use(async (c, next) => {
        c.header("x-of-the-page", "1");
        await c.var.sessions.user.update(visit);
        await next();
      });
      server.get("/redirect", () => Response.redirect("http://localhost/next", 307));
      server.get("/own", () => {
        const headers = new Headers([
          ["set-cookie", "a=b"],
          ["set-cookie", "c=d"],
          ["cache-control", "no-store"],
        ]);
        return new Response("own", { status: 203, headers });
      });
    });
    const own = await send("/own");
    same([own.status, await own.text()], [203, "own"]);
    const lines = own.headers.getSetCookie();
    same(
      lines.map((line) => line.split("=", 1)[0]),
      ["a", "c", "sid"],
    );
    equal(own.headers.get("cache-control"), "no-store");
    const redirected = appOf((server) => {
      server.get("/", async (c) => {
        await c.var.sessions.user.update(visit);
        return Response.redirect("http://localhost/next", 307);
      });
    });
    const redirect = await redirected.send("/");
    same([redirect.status, redirect.headers.get("location")], [307, "http://localhost/next"]);
    equal(redirect.headers.getSetCookie().length, 1);
    equal((await send("/redirect")).headers.getSetCookie().length, 0);
  });

  it("an application within has the sessions, also if it opens them again", async () => {
    const { send } = appOf((server, app) => {
      const inner = new Hono();
      inner.use(honoSessions(app));
      inner.get("/page", async (c) => c.json(await c.var.sessions.user.update(visit)));
      server.use("/inner/*", async (c, next) => {
        await c.var.sessions.user.update(visit);
        await next();
      });
      server.route("/inner", inner);
    });
    const response = await send("/inner/page");
    equal(response.headers.getSetCookie().length, 1);
    same(await response.json(), { visits: 2 });
  });

  it("what is not found has a session too", async () => {
    const { send } = appOf((server) => {
      server.notFound(async (c) => c.json(await c.var.sessions.user.update(visit), 404));
    });
    same(await (await send("/nowhere")).json(), { visits: 1 });
    const again = await send("/nowhere");
    same([again.status, await again.json()], [404, { visits: 2 }]);
  });

  it("what onError changes is stored if it commits it, and told to the client", async () => {
    const { send } = appOf((server) => {
      server.get("/throws", (c) => {
        throw new Error(c.req.query("commits"));
      });
      server.get("/value", async (c) => c.json((await c.var.sessions.user.get()) ?? null));
      server.onError(async (error, c) => {
        await c.var.sessions.user.set({ flash: error.message });
        if (error.message === "yes") await c.var.sessions.user.commit();
        return c.redirect("/value");
      });
    });
    equal((await send("/throws?commits=no")).headers.getSetCookie().length, 0);
    equal(await (await send("/value")).json(), null);
    equal((await send("/throws?commits=yes")).headers.getSetCookie().length, 1);
    same(await (await send("/value")).json(), { flash: "yes" });
  });

  it("a failed commit leaves nothing of the answer but what is not of its content, and ends its stream", async () => {
    const storage = new SessionStorageMemory();
    storage.set = () => Promise.reject(new Error("down"));
    const cancelled = gate();
    const { send } = appOf((server) => {
      server.onError((error, c) => c.text(error.code, 500));
      server.use(cors());
      server.get("/", async (c) => {
        await c.var.sessions.user.set({ name: "Ada" });
        const body = new ReadableStream({ cancel: cancelled.open });
        c.header("etag", "1");
        return new Response(body, { headers: { "content-length": "17", "cache-control": "public" } });
      });
    }, storage);
    const response = await send("/");
    same([response.status, await response.text()], [500, "ERR_SESSION_STORAGE"]);
    same(
      [...response.headers].map(([name]) => name),
      ["access-control-allow-origin", "content-type"],
    );
    await cancelled.opened;
  });

  it("what is thrown and is no Error comes through", async () => {
    const { send } = appOf((server) => {
      server.get("/", async (c) => {
        await c.var.sessions.user.set({ name: "Ada" });
        throw "no Error";
      });
    });
    equal(await send("/").catch((thrown) => thrown), "no Error");
  });
});
