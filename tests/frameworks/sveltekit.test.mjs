import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { svelteKitSessions } from "sessile/sveltekit";
import { equal, matches, same } from "../package/expect.mjs";
import { gate } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";
import { watching } from "../package/watching.mjs";
import { build } from "./build.mjs";
import { serving } from "./client.mjs";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";
import { routesOf } from "./routes.mjs";

const FOLDER = join(import.meta.dirname, "sveltekit-app");
const PRIVATE = 'private, no-cache="set-cookie"';

let handler;

/** The application, built once for Node; it asks `globalThis.sveltekitTest` what to do. */
async function built() {
  await build(FOLDER, "vite/bin/vite.js");
  process.env.PROTOCOL_HEADER = "x-forwarded-proto";
  return (await import(join(FOLDER, "build/handler.js"))).handler;
}

async function serverOf({ app, ...test }) {
  const serve = await (handler ??= built());
  globalThis.sveltekitTest = { handle: svelteKitSessions(app), ...test };
  return createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    request.headers["x-forwarded-proto"] ??= "http";
    serve(request, response);
  });
}

describe("SvelteKit", () => {
  it("is built, and a page that is rendered then has no session", async () => {
    await (handler ??= built());
    matches(await readFile(join(FOLDER, "build/prerendered/frozen.html"), "utf8"), /<p>nobody<\/p>/);
  });
});

// SvelteKit makes the response of an error itself, out of reach.
checkAdapter("SvelteKit", serverOf, { failsAlone: true });

/** Serves the application with one session, and does `work` with a client. */
async function svelteKitWith(work, more = () => ({})) {
  const storage = watching(new SessionStorageMemory());
  const app = sessions({ user: cookie("sid", storage) });
  const errors = [];
  const streamed = gate();
  const state = { loaded: async () => {} };
  const test = {
    app,
    routes: routesOf(state),
    onError: (error) => errors.push(error),
    streamed: () => streamed.opened,
    ...more(app),
  };
  await serving(await serverOf(test), (client) => work(client, { storage, errors, streamed }));
}

/** Sends a form as a browser does. */
function post(client, path, fields, headers = {}) {
  const body = new URLSearchParams(fields);
  return client.send(path, {
    method: "POST",
    body,
    headers: { origin: client.origin, accept: "text/html", ...headers },
  });
}

describe("SvelteKit, beside what all promise", () => {
  it("a page, its data and its actions have one session", async () => {
    await svelteKitWith(async (client) => {
      const page = await client.send("/page");
      matches(page.headers.getSetCookie()[0], /^sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
      equal(page.headers.get("cache-control"), PRIVATE);
      matches(await page.text(), /"loads":1/);
      await client.text("/page/__data.json");
      const before = client.clone();
      const login = await post(client, "/page?/login", { name: "Ada" });
      equal(login.status, 303);
      equal(login.headers.getSetCookie().length, 1);
      same(await client.json("/value"), { loads: 2, name: "Ada" });
      equal(await before.json("/value"), null);
      const logout = await post(
        client,
        "/page?/logout",
        {},
        { "x-sveltekit-action": "true", accept: "application/json" },
      );
      equal((await logout.json()).type, "redirect");
      equal(client.cookie, "");
    });
  });

  it("an action that fails as it was meant to stores what it changed", async () => {
    await svelteKitWith(async (client) => {
      const failed = await post(client, "/page?/login", { name: "" });
      equal(failed.status, 400);
      same(await client.json("/value"), { failures: 1, loads: 1 });
    });
  });

  it("an error that was meant stores what a load changed, one that was not does not", async () => {
    for (const [status, isStored] of [
      [404, true],
      [403, true],
      [500, false],
    ]) {
      await svelteKitWith(async (client, { errors }) => {
        const response = await client.send(`/page?error=${status}`);
        equal(response.status, status);
        await response.text();
        same(await client.json("/value"), isStored ? { loads: 1 } : null);
        equal(errors.length, isStored ? 0 : 1);
      });
    }
  });

  it("the data of a page whose load threw is an answer to SvelteKit, and stores what it changed", async () => {
    await svelteKitWith(async (client, { errors }) => {
      const response = await client.send("/page/__data.json?error=500");
      equal(response.status, 200);
      matches(await response.text(), /"type":"error"/);
      equal(errors.length, 1);
      same(await client.json("/value"), { loads: 1 });
    });
  });

  it("S6_a_page_whose_session_cannot_be_stored_is_an_error_without_a_cookie", async () => {
    for (const path of ["/page", "/page/__data.json", "/guarded"]) {
      await svelteKitWith(async (client, { storage, errors }) => {
        storage.instead.set = () => Promise.reject(new Error("refused"));
        const response = await client.send(path);
        equal(response.status, 500, path);
        equal(/refused|storage of sessions/.test(await response.text()), false);
        same(response.headers.getSetCookie(), []);
        same(
          errors.map(({ code }) => code),
          ["ERR_SESSION_STORAGE"],
        );
      });
    }
  });

  it("a redirect that another hook throws stores what it changed, and keeps its cookies", async () => {
    await svelteKitWith(async (client) => {
      for (const path of ["/guarded", "/guarded/__data.json"]) {
        const each = new client.constructor(client.origin);
        const response = await each.send(path);
        equal(response.status, path === "/guarded" ? 303 : 200);
        same(
          response.headers
            .getSetCookie()
            .map((line) => line.split("=", 1)[0])
            .sort(),
          ["sid", "theme"],
        );
        const line = response.headers.getSetCookie().find((each) => each.startsWith("sid="));
        matches(line, /^sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
        same(await each.json("/value"), { returnTo: "/guarded" });
      }
    });
  });

  it("an error that another hook throws stores nothing", async () => {
    await svelteKitWith(async (client, { storage, errors }) => {
      const response = await client.send("/broken");
      equal(response.status, 500);
      await response.text();
      equal(client.cookie, "");
      equal(storage.calls.set, undefined);
      equal(errors.length, 1);
    });
  });

  it("a streamed load goes on after its cookie went out, and can commit", async () => {
    await svelteKitWith(async (client, { streamed }) => {
      const response = await client.send("/streamed");
      matches(response.headers.getSetCookie()[0], /^sid=/);
      same(await client.json("/value"), { late: 0 });
      streamed.open();
      matches(await response.text(), /ERR_SESSION_CLOSED/);
      same(await client.json("/value"), { late: 1 });
    });
  });

  it("an endpoint that a page calls has its session, and begins it for the page", async () => {
    await svelteKitWith(async (client) => {
      const response = await client.send("/calls");
      equal(response.headers.getSetCookie().length, 1);
      equal(response.headers.get("cache-control"), PRIVATE);
      await response.text();
      const again = await client.send("/calls");
      matches(await again.text(), /"before":\{"count":1\},"count":\{"count":2\}/);
      same(again.headers.getSetCookie(), []);
      equal(again.headers.get("cache-control"), null);
    });
  });

  it("an error page still takes away the cookie of a session that has ended", async () => {
    await svelteKitWith(async (client) => {
      await client.send("/page");
      const response = await client.send("/page?error=501");
      equal(response.status, 500);
      matches(response.headers.getSetCookie()[0], /^sid=; Max-Age=0;/);
    });
  });

  it("a handle that is named twice opens the sessions once", async () => {
    const handle = (app) => {
      const once = svelteKitSessions(app);
      const inner = async ({ event, resolve }) => {
        await event.locals.sessions.user.set({ outer: true });
        return once({ event, resolve });
      };
      return {
        handle: ({ event, resolve }) => once({ event, resolve: (event) => inner({ event, resolve }) }),
      };
    };
    await svelteKitWith(async (client) => {
      const response = await client.send("/page");
      equal(response.headers.getSetCookie().length, 1);
      matches(await response.text(), /"outer":true,"loads":1/);
    }, handle);
  });

  it("S4_the_cookie_is_secure_behind_https", async () => {
    await svelteKitWith(async (client) => {
      for (const path of ["/page", "/guarded"]) {
        const each = new client.constructor(client.origin);
        const response = await each.send(path, { headers: { "x-forwarded-proto": "https" } });
        const line = response.headers.getSetCookie().find((each) => each.startsWith("sid="));
        matches(line, /; Path=\/; .*Secure/);
      }
    });
  });
});
