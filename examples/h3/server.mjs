import process from "node:process";
import { H3, html, readBody, redirect, serve } from "h3";
import { cookie, directorySessionStorage, sessions } from "sessile";
import { h3Sessions } from "sessile/h3";

const {
  PORT = "3000",
  SESSIONS = "./sessions",
  SESSION_SECRET = "for development, known to everybody",
} = process.env;
if (process.env.SESSION_SECRET === undefined)
  console.warn("SESSION_SECRET is not set: never do so in production");

const app = sessions({
  user: cookie("sid", directorySessionStorage(SESSIONS, { idleTimeout: "30m", absoluteTimeout: "7d" }), {
    secrets: [SESSION_SECRET],
  }),
});

// Behind a proxy that speaks https, give the cookie `trustProxy: true`.
const server = new H3();
server.use(h3Sessions(app));

server.get("/", async (event) => {
  const { user } = app.of(event);
  if ((await user.get()) === undefined) {
    return html`<!doctype html>
      <h1>Who are you?</h1>
      <form method="post" action="/login"><input name="name" required /><button>Log in</button></form>`;
  }
  const { name, visits } = await user.update((found) => ({ ...found, visits: found.visits + 1 }));
  return html`<!doctype html>
    <h1>Hello, ${name}</h1>
    <p>visit ${visits}</p>
    <form method="post" action="/logout"><button>Log out</button></form>`;
});

server.post("/login", async (event) => {
  const { user } = app.of(event);
  const { name } = await readBody(event);
  await user.regenerate();
  await user.set({ name: String(name), visits: 0 });
  return redirect("/", 303);
});

server.post("/logout", async (event) => {
  await app.of(event).user.clear();
  return redirect("/", 303);
});

const listening = await serve(server, { port: Number(PORT), silent: true }).ready();
console.log(`http://localhost:${new URL(listening.url).port}`);
