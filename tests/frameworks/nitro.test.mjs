// A Nitro server of today comes with an older h3, of which the adapter knows what it has.
import { createServer } from "node:http";
import { join } from "node:path";
import { equal, matches, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { build } from "./build.mjs";
import { serving } from "./client.mjs";

const FOLDER = join(import.meta.dirname, "nitro-app");

let middleware;

/** Serves the application, built once, and does `work` with a client. */
async function nitroWith(work) {
  middleware ??= build(FOLDER, "nitro/dist/cli/index.mjs").then(
    () => import(join(FOLDER, "build/server/index.mjs")),
  );
  await serving(createServer((await middleware).middleware), work);
}

describe("Nitro", () => {
  it("its routes have the sessions of a file in middleware/", async () => {
    await nitroWith(async (client) => {
      const first = await client.send("/count");
      same(await first.json(), { count: 1 });
      matches(first.headers.getSetCookie()[0], /^sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
      equal(first.headers.get("cache-control"), 'private, no-cache="set-cookie"');
      await Promise.all(Array.from({ length: 50 }, () => client.text("/count")));
      same(await client.json("/count"), { count: 52 });
    });
  });

  it("a redirect moves a session", async () => {
    await nitroWith(async (client) => {
      await client.text("/count");
      const before = client.clone();
      const login = await client.send("/login");
      equal(login.status, 303);
      same(await client.json("/count"), { count: 2, name: "Ada" });
      same(await before.json("/count"), { count: 1 });
    });
  });

  it("a route that does not ask sets no cookie, and one that throws stores nothing", async () => {
    await nitroWith(async (client) => {
      const untouched = await client.send("/untouched");
      equal(await untouched.text(), "untouched");
      same(untouched.headers.getSetCookie(), []);
      for (const [path, status] of [
        ["/throws", 403],
        ["/nowhere", 404],
      ]) {
        const response = await client.send(path);
        equal(response.status, status);
        same(response.headers.getSetCookie(), []);
        await response.text();
      }
      same(await client.json("/count"), { count: 1 });
    });
  });

  it("an error stays the application's own, though it has no headers to take a dead cookie away", async () => {
    await nitroWith(async (client) => {
      const response = await client.send("/throws", { headers: { cookie: "sid=unknown" } });
      equal(response.status, 403);
      await response.text();
    });
  });
});
