import process from "node:process";
import { text } from "node:stream/consumers";
import Koa from "koa";
import { cookie, directorySessionStorage, sessions } from "sessile";
import { koaSessions } from "sessile/koa";

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

const routes = {
  "GET /": async (ctx) => {
    const { user } = app.of(ctx);
    if ((await user.get()) === undefined) ctx.body = page();
    else ctx.body = page(await user.update((found) => ({ ...found, visits: found.visits + 1 })));
  },
  "POST /login": async (ctx) => {
    const { user } = app.of(ctx);
    const form = new URLSearchParams(await text(ctx.req));
    await user.regenerate();
    await user.set({ name: form.get("name") ?? "", visits: 0 });
    ctx.redirect("/");
  },
  "POST /logout": async (ctx) => {
    await app.of(ctx).user.clear();
    ctx.redirect("/");
  },
};

// Behind a proxy that speaks https, tell Koa so: `new Koa({ proxy: true })`.
const server = new Koa();
server.use(koaSessions(app));
server.use((ctx) => routes[`${ctx.method} ${ctx.path}`]?.(ctx));

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
