// A web server whose requests read and write a session of 1 KB, with one framework and one session layer; in a process of its own.
import { once } from "node:events";
import { SessionStorageMemory, cookie, sessions } from "sessile";

const SECRET = "a secret for measurements, of more than 32 letters";
const PAYLOAD = { name: "Ada Lovelace", roles: ["reader", "author"], note: "x".repeat(920) };

/** Each layer as its own documentation shows it: `session(request)` answers the routes' session, if there is one. */
const LAYERS = {
  express: {
    bare: async () => ({ use: () => {} }),
    sessile: async () => {
      const app = ours();
      return { use: (server) => server.use(app.express()), ...routesOf(app) };
    },
    "express-session": () => dropIn("express-session"),
    "sessile/express-session": () => dropIn("sessile/express-session"),
    "express-session, connect-redis": ({ redis }) => dropIn("express-session", redis),
    "sessile/express-session, connect-redis": ({ redis }) => dropIn("sessile/express-session", redis),
  },
  fastify: {
    bare: async () => ({ use: () => {} }),
    sessile: async () => {
      const { fastifySessions } = await import("sessile/fastify");
      const app = ours();
      return { use: (server) => server.register(fastifySessions(app)), ...routesOf(app) };
    },
    "@fastify/session": async () => {
      const { default: cookies } = await import("@fastify/cookie");
      const { default: session } = await import("@fastify/session");
      const options = {
        secret: SECRET,
        cookieName: "sid",
        saveUninitialized: false,
        cookie: { secure: false },
      };
      return {
        async use(server) {
          await server.register(cookies);
          await server.register(session, options);
        },
        ...theirs((request) => request.session),
      };
    },
  },
};

export const layersOf = (framework) => Object.keys(LAYERS[framework.replace(/\d$/, "")]);

/** express-session, or what is put in its place; with its own store, or with the one that most take. */
async function dropIn(name, redis) {
  const { default: session } = await import(name);
  const options = { secret: SECRET, name: "sid", resave: false, saveUninitialized: false };
  if (redis !== undefined) {
    const { createClient } = await import("redis");
    const { RedisStore } = await import("connect-redis");
    const client = await createClient({ socket: { path: redis } }).connect();
    options.store = new RedisStore({ client, prefix: `${name}:` });
  }
  return { use: (server) => server.use(session(options)), ...theirs((request) => request.session) };
}

function ours() {
  return sessions({
    user: cookie("sid", new SessionStorageMemory({ idleTimeout: "1d" }), { secrets: [SECRET] }),
  });
}

function routesOf(app) {
  return {
    async read(request) {
      const value = await app.of(request).user.get();
      return value?.count ?? 0;
    },
    async write(request) {
      const { count } = await app.of(request).user.update((value) => {
        const session = value ?? { ...PAYLOAD, count: 0 };
        session.count += 1;
        return session;
      });
      return count;
    },
  };
}

function theirs(sessionOf) {
  return {
    read: (request) => sessionOf(request).count ?? 0,
    write(request) {
      const session = sessionOf(request);
      if (session.count === undefined) Object.assign(session, PAYLOAD, { count: 0 });
      session.count += 1;
      return session.count;
    },
  };
}

/** Starts the server, and answers its port; or how long it has computed so far, in microseconds. */
export async function measure(task) {
  if (task === "cpu") {
    const { user, system } = process.cpuUsage();
    return user + system;
  }
  const { framework, layer, redis } = task;
  const kind = framework.replace(/\d$/, "");
  const { use, read = () => 0, write = () => 0 } = await LAYERS[kind][layer]({ redis });
  if (kind === "fastify") {
    const { fastify } = await import("fastify");
    const server = fastify();
    await use(server);
    server.get("/untouched", async () => "count 0");
    server.get("/read", async (request) => `count ${await read(request)}`);
    server.get("/write", async (request) => `count ${await write(request)}`);
    await server.listen({ port: 0, host: "127.0.0.1" });
    return server.server.address().port;
  }
  const { default: express } = await import(framework === "express4" ? "express4" : "express");
  const app = express();
  await use(app);
  app.get("/untouched", (_request, response) => response.send("count 0"));
  // Express 4 does not look at promises.
  const answer = (route) => (request, response, next) => {
    Promise.resolve(route(request)).then((count) => response.send(`count ${count}`), next);
  };
  app.get("/read", answer(read));
  app.get("/write", answer(write));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}
