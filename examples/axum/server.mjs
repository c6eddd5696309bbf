// A server of Node that shares its sessions with one of axum (`src/main.rs`): one folder, one secret, one cookie.
// A second cookie carries its session whole, and needs no folder.
//
// `npm install sessile && SESSIONS=folder SECRET=text-of-32-bytes-or-more PORT=8002 node server.mjs`
import { createServer } from "node:http";
import process from "node:process";
import { text } from "node:stream/consumers";
import { DirectoryStorage, cookie, sessions } from "sessile";

const { SESSIONS, SECRET, PORT = "0" } = process.env;
// Plain HTTP on one machine; a server with https takes a name that begins with `__Host-`.
const app = sessions({
  user: cookie("user", new DirectoryStorage(SESSIONS), { secrets: [SECRET] }),
  settings: cookie("settings", { secrets: [SECRET] }),
});

const routes = {
  async "GET /"({ user }) {
    return (await user.get()) ?? null;
  },
  async "POST /login"({ user }, request) {
    // Whoever knew the id from before does not get in with it.
    await user.regenerate();
    await user.set({ name: await text(request), clicks: 0 });
  },
  async "POST /click"({ user }, _, response) {
    if ((await user.get()) === undefined) return void (response.statusCode = 401);
    // Runs again where another request, here or in Rust, was faster.
    return user.update(({ name, clicks }) => ({ name, clicks: clicks + 1 }));
  },
  async "POST /logout"({ user }) {
    await user.clear();
  },
  async "GET /settings"({ settings }) {
    return [(await settings.get()) ?? null, await settings.flashes("info")];
  },
  async "POST /settings"({ settings }, request) {
    await settings.set({ language: await text(request) });
    await settings.flash("info", "Saved");
  },
  async "DELETE /settings"({ settings }) {
    await settings.clear();
  },
};

const withSessions = app.node({ onError: (error) => console.error("a session could not be stored:", error) });

const server = createServer((request, response) => {
  withSessions(request, response, async () => {
    try {
      const route = routes[`${request.method} ${request.url}`];
      if (route === undefined) return void response.writeHead(404).end();
      const answer = await route(app.of(request), request, response);
      if (answer !== undefined) response.setHeader("content-type", "application/json");
      else if (response.statusCode === 200) response.statusCode = 204;
      response.end(answer === undefined ? undefined : JSON.stringify(answer));
    } catch (error) {
      // For the log; the client is told nothing.
      console.error("the session failed:", error);
      response.writeHead(500).end();
    }
  });
});

server.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
