import process from "node:process";
import express from "express";
import { cookie, directorySessionStorage, sessions } from "sessile";

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

// Behind a proxy that speaks https, tell Express so: `server.set("trust proxy", 1)`.
const server = express();
server.use(app.express());
server.use(express.urlencoded({ extended: false }));

server.get("/", async (request, response) => {
  const { user } = app.of(request);
  if ((await user.get()) === undefined) response.send(page());
  else response.send(page(await user.update((found) => ({ ...found, visits: found.visits + 1 }))));
});

server.post("/login", async (request, response) => {
  const { user } = app.of(request);
  await user.regenerate();
  await user.set({ name: String(request.body.name), visits: 0 });
  response.redirect(303, "/");
});

server.post("/logout", async (request, response) => {
  await app.of(request).user.clear();
  response.redirect(303, "/");
});

const listener = server.listen(Number(PORT), () => {
  console.log(`http://localhost:${listener.address().port}`);
});

function page(user) {
  if (user === undefined) return `<!doctype html><h1>Who are you?</h1>${LOGIN}`;
  return `<!doctype html><h1>Hello, ${escaped(user.name)}</h1><p>visit ${user.visits}</p>${LOGOUT}`;
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
