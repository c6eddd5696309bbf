import { createServer } from "node:http";
import process from "node:process";
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
const open = app.node();

const server = createServer((request, response) => {
  open(request, response, () => {
    answer(request, response, app.of(request).user).catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
});

async function answer(request, response, user) {
  switch (`${request.method} ${request.url}`) {
    case "GET /": {
      const isIn = (await user.get()) !== undefined;
      const value = isIn ? await user.update((found) => ({ ...found, visits: found.visits + 1 })) : undefined;
      return response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page(value));
    }
    case "POST /login": {
      const name = (await formOf(request)).get("name");
      await user.regenerate();
      await user.set({ name, visits: 0 });
      return response.writeHead(303, { location: "/" }).end();
    }
    case "POST /logout":
      await user.clear();
      return response.writeHead(303, { location: "/" }).end();
    default:
      return response.writeHead(404).end("Nothing here");
  }
}

server.listen(Number(PORT), () => {
  console.log(`http://localhost:${server.address().port}`);
});

async function formOf(request) {
  let body = "";
  for await (const text of request.setEncoding("utf8")) {
    body += text;
    if (body.length > 10_000) throw new Error("the form is too long");
  }
  return new URLSearchParams(body);
}

function page(user) {
  if (user === undefined) return `<!doctype html><h1>Who are you?</h1>${LOGIN}`;
  return `<!doctype html><h1>Hello, ${escaped(user.name)}</h1><p>visit ${user.visits}</p>${LOGOUT}`;
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
