import process from "node:process";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { cookie, directorySessionStorage, sessions } from "sessile";
import { honoSessions } from "sessile/hono";

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

// Behind a proxy that speaks https, give the cookie `trustProxy: true`.
const server = new Hono();
server.use(honoSessions(app));

server.get("/", async (c) => {
  const { user } = c.get("sessions");
  if ((await user.get()) === undefined) return c.html(page());
  return c.html(page(await user.update((found) => ({ ...found, visits: found.visits + 1 }))));
});

server.post("/login", async (c) => {
  const { user } = c.get("sessions");
  const { name } = await c.req.parseBody();
  await user.regenerate();
  await user.set({ name: String(name), visits: 0 });
  return c.redirect("/", 303);
});

server.post("/logout", async (c) => {
  await c.get("sessions").user.clear();
  return c.redirect("/", 303);
});

serve({ fetch: server.fetch, port: Number(PORT) }, ({ port }) => console.log(`http://localhost:${port}`));

function page(user) {
  if (user === undefined) return `<!doctype html><h1>Who are you?</h1>${LOGIN}`;
  return `<!doctype html><h1>Hello, ${escaped(user.name)}</h1><p>visit ${user.visits}</p>${LOGOUT}`;
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
