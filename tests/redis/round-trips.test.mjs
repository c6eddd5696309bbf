// What a call costs: how often the server is asked.
import { CacheStorage, cookie, sessions } from "sessile";
import { RedisStorage, redisChanges } from "sessile/redis";
import { equal } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries, olderLibraries } from "./clients.mjs";
import { startProxy } from "./proxy.mjs";
import { startServer } from "./servers.mjs";

const server = await startServer();

for (const [name, library] of Object.entries({ ...libraries, ...olderLibraries })) {
  describe(`round trips over ${name}`, () => {
    it("are as few as is told", async () => {
      const proxy = await startProxy(server);
      const client = await library.connect(proxy.url);
      const storage = new RedisStorage(client, { idleTimeout: "30m" });
      // Of its own: where a session was invalidated within the hour, a read asks for the time too.
      const id = `id of ${name}`;
      // Once for each process: the server's time, and the scripts.
      let revision = await storage.set(id, "content", { tags: ["ada"] });
      await storage.get(id);
      revision = await storage.set(id, "as it was seen");
      await storage.touch(id);
      await storage.write(id, (channel) => channel.getWriter().write(new Uint8Array(1)));
      await storage.invalidate("other");
      const many = Array.from({ length: 64 }, (_, at) => `${id}, ${at}`);
      await Promise.all(many.map((each) => storage.set(each, "content")));
      const cost = async (call) => {
        const { roundTrips } = proxy;
        await call();
        return proxy.roundTrips - roundTrips;
      };
      const calls = {
        get: [1, () => storage.get(id)],
        read: [1, () => storage.read(id, (channel) => new Response(channel).text())],
        info: [1, () => storage.info(id)],
        set: [1, async () => (revision = await storage.set(id, "changed"))],
        "set with a condition and tags": [
          1,
          async () =>
            (revision = await storage.set(id, "changed", { ifRevision: revision, tags: ["ada", "bob"] })),
        ],
        touch: [1, () => storage.touch(id)],
        "write of 60,000 bytes": [
          2,
          () => storage.write(id, (channel) => channel.getWriter().write(new Uint8Array(60_000))),
        ],
        invalidate: [1, () => storage.invalidate(id)],
        "64 reads at once": [1, () => Promise.all(many.map((each) => storage.get(each)))],
        "64 writes at once": [1, () => Promise.all(many.map((each) => storage.set(each, "changed")))],
        // What is missing is looked at by itself: it may be another program's value.
        "64 reads at once of none": [2, () => Promise.all(many.map((each) => storage.get(`no ${each}`)))],
      };
      try {
        for (const [what, [expected, call]] of Object.entries(calls)) equal(await cost(call), expected, what);
      } finally {
        library.end(client);
        await proxy.end();
      }
    });
  });

  describe(`round trips of a request over ${name}`, () => {
    const withProxy = (body) => async () => {
      const proxy = await startProxy(server);
      const client = await library.connect(proxy.url, library.hearing);
      const storage = new RedisStorage(client, { idleTimeout: "30m", prefix: `requests over ${name}:` });
      const cache = new CacheStorage(storage, { changes: redisChanges(client) });
      try {
        await body({ proxy, storage, cache });
      } finally {
        await cache.close();
        library.end(client);
        await proxy.end();
      }
    };
    const app = (storage) => {
      const handle = sessions({ user: cookie("user", storage) }).fetch(async (request, { user }) => {
        if (request.method === "POST") await user.update((value) => ({ visits: (value?.visits ?? 0) + 1 }));
        return Response.json((await user.get()) ?? null);
      });
      let sent = "";
      return async (method) => {
        const headers = sent === "" ? {} : { cookie: sent };
        const response = await handle(new Request("https://localhost/", { method, headers }));
        sent = response.headers.get("set-cookie")?.split(";")[0] ?? sent;
        return response.json();
      };
    };
    const cost = async (proxy, call) => {
      const { roundTrips } = proxy;
      await call();
      return proxy.roundTrips - roundTrips;
    };

    it(
      "are one to load and one to commit",
      withProxy(async ({ proxy, storage }) => {
        const send = app(storage);
        for (let visit = 0; visit < 3; visit += 1) await send("POST");
        equal(await cost(proxy, () => send("POST")), 2, "of one that writes");
        equal(await cost(proxy, () => send("GET")), 1, "of one that reads");
        equal((await send("GET")).visits, 4, "visits");
      }),
    );

    it(
      "are none to read behind a cache that is told of changes",
      withProxy(async ({ proxy, cache }) => {
        const send = app(cache);
        for (let visit = 0; visit < 3; visit += 1) await send("POST");
        await send("GET");
        equal(await cost(proxy, () => send("GET")), 0, "of one that reads");
        equal(await cost(proxy, () => send("POST")), 1, "of one that writes");
        equal((await send("GET")).visits, 4, "visits");
      }),
    );
  });
}
