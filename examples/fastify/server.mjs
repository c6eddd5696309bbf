import process from "node:process";
import { fastify } from "fastify";
import { cookie, directorySessionStorage, sessions } from "sessile";
import { fastifySessions } from "sessile/fastify";

const {
  PORT = "3000",
  SESSIONS = "./sessions",
  SESSION_SECRET = "for development, known to everybody",
} = process.env;
if (process.env.SESSION_SECRET === undefined)
  console.warn("SESSION_SECRET is not set: never do so in production");

const LOGIN = `<form method="post" action="/login"><input name="name" required /><button>Log in</button></form>`;
const LOGOUT = `<form method="post" action="/logout"><button>Log out</button></form>`;

const app = sessions({
  user: cookie("sid", directorySessionStorage(SESSIONS, { idleTimeout: "30m", absoluteTimeout: "7d" }), {
    secrets: [SESSION_SECRET],
  }),
});

// Behind a proxy that speaks https, tell Fastify so: `fastify({ trustProxy: 1 })`.
const server = fastify();
await server.register(fastifySessions(app));
server.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, async (_, body) => {
  return Object.fromEntries(new URLSearchParams(body));
});

server.get("/", async (request, reply) => {
  const { user } = app.of(request);
  reply.type("text/html");
  if ((await user.get()) === undefined) return page();
  return page(await user.update((found) => ({ ...found, visits: found.visits + 1 })));
});

server.post("/login", async (request, reply) => {
  const { user } = app.of(request);
  await user.regenerate();
  await user.set({ name: String(request.body.name), visits: 0 });
  return reply.redirect("/", 303);
});

server.post("/logout", async (request, reply) => {
  await app.of(request).user.clear();
  return reply.redirect("/", 303);
});

await server.listen({ port: Number(PORT), host: "localhost" });
console.log(`http://localhost:${server.server.address().port}`);

function page(user) {
  if (user === undefined) return `<!doctype html><h1>Who are you?</h1>${LOGIN}`;
  return `<!doctype html><h1>Hello, ${escaped(user.name)}</h1><p>visit ${user.visits}</p>${LOGOUT}`;
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
