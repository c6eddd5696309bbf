import { createServer } from "node:http";
import { createRequestListener } from "@react-router/node";
import { data, redirect } from "react-router";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { sessionsMiddleware } from "sessile/react-router";
import { equal, matches, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { watching } from "../package/watching.mjs";
import { serving } from "./client.mjs";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

/**
 * A server with what React Router's compiler makes of a root route and the routes below it. A document is the JSON of its
 * routes' data and errors, with the status and headers that React Router chose.
 */
function serverOf(middleware, modules, onError = () => {}) {
  const routes = { root: { id: "root", path: "", module: { middleware, default: () => null } } };
  for (const [path, module] of Object.entries(modules)) {
    routes[path] = { id: path, parentId: "root", path: path.slice(1), module };
  }
  const document = (_, status, headers, { staticHandlerContext: { loaderData, actionData, errors } }) =>
    new Response(JSON.stringify({ loaderData, actionData, failed: errors !== null }), { status, headers });
  const build = {
    entry: { module: { default: document, handleError: (error) => onError(error) } },
    routes,
    assets: { routes: {}, version: "1", entry: { imports: [], module: "" }, url: "" },
    publicPath: "/",
    assetsBuildDirectory: "",
    future: {},
    ssr: true,
    isSpaMode: false,
    prerender: [],
    routeDiscovery: { mode: "initial", manifestPath: "/__manifest" },
  };
  return createServer(
    { maxHeaderSize: MAX_HEADER_BYTES },
    createRequestListener({ build, mode: "production" }),
  );
}

/** What React Router makes of an answer, in a resource route. */
function responseOf({ json, cookie, redirect: to, stream }) {
  const headers = cookie === undefined ? {} : { "set-cookie": cookie };
  if (to !== undefined) throw redirect(to);
  if (stream === undefined) return Response.json(json, { headers });
  return new Response(ReadableStream.from(stream).pipeThrough(new TextEncoderStream()));
}

function start({ app, routes, onError }) {
  const withSessions = sessionsMiddleware(app);
  const modules = {};
  for (const [path, route] of Object.entries(routes)) {
    const loader = async ({ context, request }) =>
      responseOf(await route(context.get(withSessions.context), new URL(request.url).searchParams));
    modules[path] = { loader };
  }
  return serverOf([withSessions], modules, onError);
}

// React Router makes the response of an error itself, out of reach.
checkAdapter("React Router", start, { failsAlone: true });

/** Serves `modules(app, withSessions)`, and does `work` with a client. */
async function routerWith(modules, work, middleware = []) {
  const storage = watching(new SessionStorageMemory());
  const app = sessions({ user: cookie("sid", storage) });
  const withSessions = sessionsMiddleware(app);
  const errors = [];
  const value = { loader: async ({ context }) => Response.json((await app.of(context).user.get()) ?? null) };
  const all = { "/value": value, ...modules(app, withSessions) };
  const server = serverOf([withSessions, ...middleware.map((make) => make(app))], all, (error) =>
    errors.push(error),
  );
  await serving(server, (client) => work(client, { storage, errors }));
}

const page = () => null;

describe("React Router, beside what all promise", () => {
  it("a page's loader, its data request and its action have one session, and each stores it", async () => {
    const modules = (app, withSessions) => ({
      "/page": {
        default: page,
        loader: async ({ context }) => {
          const { user } = context.get(withSessions.context);
          return user.update((value) => ({ ...value, loads: (value?.loads ?? 0) + 1 }));
        },
        action: async ({ context, request }) => {
          const { name } = Object.fromEntries(await request.formData());
          await app.of(context).user.update((value) => ({ ...value, name }));
          throw redirect("/page");
        },
      },
    });
    await routerWith(modules, async (client) => {
      const first = await client.send("/page");
      matches(first.headers.getSetCookie()[0], /^sid=/);
      equal(first.headers.get("cache-control"), 'private, no-cache="set-cookie"');
      same((await first.json()).loaderData["/page"], { loads: 1 });
      await client.text("/page.data");
      const post = { method: "POST", body: new URLSearchParams({ name: "Ada" }) };
      const action = await client.send("/page", post);
      equal(action.status, 302);
      const fetched = await client.send("/page.data", {
        ...post,
        body: new URLSearchParams({ name: "Bob" }),
      });
      equal(fetched.status, 202, "a redirect that the browser's router follows");
      same(await client.json("/value"), { loads: 2, name: "Bob" });
    });
  });

  it("a data request that begins a session carries the cookie, as does its redirect", async () => {
    const modules = (app) => ({
      "/begins": { default: page, loader: ({ context }) => app.of(context).user.set({ name: "Ada" }) },
      "/moves": {
        default: page,
        loader: async ({ context }) => {
          await app.of(context).user.regenerate();
          throw redirect("/value");
        },
      },
    });
    await routerWith(modules, async (client) => {
      matches((await client.send("/begins.data")).headers.getSetCookie()[0], /^sid=/);
      const before = client.clone();
      const moved = await client.send("/moves.data");
      equal(moved.status, 202);
      matches(moved.headers.getSetCookie()[0], /^sid=/);
      same(await client.json("/value"), { name: "Ada" });
      equal(await before.json("/value"), null);
    });
  });

  it("what a page stored goes with it, also with an error that was meant, but not with one that was not", async () => {
    const changing = (answer) => (app) => ({
      "/page": {
        default: page,
        loader: async ({ context }) => {
          await app.of(context).user.set({ seen: true });
          return answer();
        },
      },
    });
    for (const [status, answer] of [
      [404, () => Promise.reject(data("nothing here", { status: 404 }))],
      [403, () => data("not yours", { status: 403 })],
      [500, () => Promise.reject(new Error("unexpected"))],
    ]) {
      for (const path of ["/page", "/page.data"]) {
        await routerWith(changing(answer), async (client) => {
          const response = await client.send(path);
          await response.text();
          equal(response.status, status, path);
          const isStored = status < 500;
          equal(response.headers.getSetCookie().length, isStored ? 1 : 0, `${path} ${status}`);
          same(await client.json("/value"), isStored ? { seen: true } : null);
        });
      }
    }
  });

  it("S6_a_page_whose_session_cannot_be_stored_is_an_error_page_without_a_cookie", async () => {
    const modules = (app) => ({
      "/page": { default: page, loader: ({ context }) => app.of(context).user.set({ name: "Ada" }) },
    });
    for (const path of ["/page", "/page.data"]) {
      await routerWith(modules, async (client, { storage, errors }) => {
        storage.instead.set = () => Promise.reject(new Error("refused"));
        const response = await client.send(path);
        const text = await response.text();
        equal(response.status, 500, path);
        same(response.headers.getSetCookie(), []);
        equal(/refused|storage of sessions/.test(text), false, text);
        same(
          errors.map(({ code }) => code),
          ["ERR_SESSION_STORAGE"],
        );
      });
    }
  });

  it("an error page still takes away the cookie of a session that has ended", async () => {
    const modules = (app) => ({
      "/begins": {
        loader: ({ context }) =>
          app
            .of(context)
            .user.set({ name: "Ada" })
            .then(() => null),
      },
      "/page": {
        default: page,
        loader: async ({ context }) => {
          await app.of(context).user.clear();
          throw new Error("unexpected");
        },
      },
    });
    await routerWith(modules, async (client) => {
      await client.send("/begins");
      const response = await client.send("/page");
      equal(response.status, 500);
      matches(response.headers.getSetCookie()[0], /^sid=; Max-Age=0;/);
    });
  });

  it("a middleware that is named twice opens the sessions once", async () => {
    const sets =
      (app) =>
      ({ context }) =>
        app.of(context).user.set({ outer: true });
    const modules = (app, withSessions) => ({
      "/page": {
        middleware: [withSessions],
        default: page,
        loader: ({ context }) => app.of(context).user.update((user) => ({ ...user, inner: true })),
      },
    });
    await routerWith(
      modules,
      async (client) => {
        const response = await client.send("/page");
        equal(response.headers.getSetCookie().length, 1);
        same((await response.json()).loaderData["/page"], { outer: true, inner: true });
      },
      [sets],
    );
  });

  it("a middleware below it has the sessions, and its redirect stores them", async () => {
    const guard =
      (app) =>
      async ({ context, request }) => {
        const { pathname } = new URL(request.url);
        if (pathname !== "/page") return;
        await app.of(context).user.set({ returnTo: pathname });
        throw redirect("/value");
      };
    const modules = () => ({ "/page": { default: page, loader: () => null } });
    await routerWith(
      modules,
      async (client) => {
        const response = await client.send("/page");
        equal(response.status, 302);
        matches(response.headers.getSetCookie()[0], /^sid=/);
        same(await client.json("/value"), { returnTo: "/page" });
      },
      [guard],
    );
  });
});
