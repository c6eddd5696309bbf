// Caches in front of one server that learn of each other's changes: what one has ended no other shows, once the server's word has
// come to it.
import { createClient, createClientPool, createSentinel } from "redis";
import { CacheStorage, SessionError } from "sessile";
import { RedisStorage, redisChanges } from "sessile/redis";
import { equal, rejection } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries, olderLibraries } from "./clients.mjs";
import { startProxy } from "./proxy.mjs";
import { startServer, until } from "./servers.mjs";

const text = async (storage, id) => {
  const found = await storage.get(id);
  return found && new TextDecoder().decode(found.data);
};

for (const [name, library] of Object.entries({ ...libraries, ...olderLibraries })) {
  /** Two caches, as two processes have them, and what counts the commands that come to the server. */
  const withCaches = (body) => async () => {
    const server = await startServer();
    const proxy = await startProxy(server);
    const clients = [];
    const caches = [];
    const open = async (url) => {
      const client = await library.connect(url, library.hearing);
      clients.push(client);
      const cache = new CacheStorage(new RedisStorage(client), {
        idleTimeout: "1h",
        absoluteTimeout: "1h",
        changes: redisChanges(client),
      });
      caches.push(cache);
      await follows(server, caches.length);
      return cache;
    };
    try {
      await body({ server, proxy, here: await open(server.url), there: await open(proxy.url) });
    } finally {
      for (const cache of caches) await cache.close();
      for (const client of clients) library.end(client);
      await proxy.end();
      await server.end();
    }
  };

  describe(`a cache over ${name}`, () => {
    it(
      "answers from memory, without a round trip",
      withCaches(async ({ there, proxy }) => {
        await there.set("id", "content");
        await text(there, "id");
        const { sent } = proxy;
        for (let round = 0; round < 100; round += 1) equal(await text(there, "id"), "content");
        equal(proxy.sent, sent, "bytes sent for 100 reads");
      }),
    );

    it(
      "learns of every kind of change that another makes",
      withCaches(async ({ here, there }) => {
        const changes = {
          set: [() => here.set("id", "changed"), "changed"],
          "set of a large one": [() => here.set("id", "x".repeat(100_000)), "x".repeat(100_000)],
          write: [
            () => here.write("id", (channel) => channel.getWriter().write(new TextEncoder().encode("w"))),
            "w",
          ],
          invalidate: [() => here.invalidate("id"), undefined],
          invalidateTagged: [() => here.invalidateTagged("ada"), undefined],
        };
        for (const [what, [change, expected]] of Object.entries(changes)) {
          await there.set("id", "before", { tags: ["ada"] });
          equal(await text(there, "id"), "before", `${what}: before it`);
          await change();
          await until(
            async () => (await text(there, "id")) === expected,
            `${what}: it is still seen as it was`,
          );
        }
      }),
    );

    it(
      "is as late as the server's word, and no later",
      withCaches(async ({ here, there }) => {
        const delays = [];
        for (let round = 0; round < 100; round += 1) {
          await there.set("id", "before");
          await text(there, "id");
          await here.invalidate("id");
          const resolved = performance.now();
          while ((await text(there, "id")) !== undefined) {
            if (performance.now() - resolved > 2_000)
              throw new Error(`round ${round}: still there after 2 s`);
            await new Promise((resolve) => setImmediate(resolve));
          }
          delays.push(performance.now() - resolved);
        }
        delays.sort((a, b) => a - b);
        console.log(
          `  an invalidate is seen by the other cache after ${delays[50].toFixed(2)} ms, p99 ${delays[98].toFixed(2)} ms`,
        );
      }),
    );

    it(
      "hears also of sessions that it has changed itself",
      withCaches(async ({ here, there }) => {
        for (const own of [
          () => there.touch("id"),
          () => there.set("id", "own"),
          async () => {
            await there.invalidate("id");
            equal(await text(there, "id"), undefined, "after its own invalidate");
          },
        ]) {
          await there.set("id", "before", { idleTimeout: "1h" });
          await text(there, "id");
          await own();
          await text(there, "id");
          await here.set("id", "changed");
          await until(async () => (await text(there, "id")) === "changed", "it is still seen as it was");
        }
      }),
    );

    it(
      "forgets all where it could not hear what was changed",
      withCaches(async ({ server, proxy, here, there }) => {
        for (let round = 0; round < 5; round += 1) {
          await there.set("id", "before");
          equal(await text(there, "id"), "before");
          proxy.refuseNew();
          proxy.cut();
          await here.invalidate("id");
          proxy.acceptNew();
          await follows(server, 2);
          await until(
            async () => (await text(there, "id").catch(retried)) === undefined,
            "what was missed is still seen",
          );
        }
      }),
    );

    it(
      "is told when the server forgets everything",
      withCaches(async ({ server, there }) => {
        await there.set("id", "content");
        equal(await text(there, "id"), "content");
        await server.command("FLUSHALL");
        await until(async () => (await text(there, "id")) === undefined, "it is still seen");
      }),
    );
  });
}

describe("redisChanges", () => {
  it("hears over a client that puts a prefix before every key", async () => {
    const server = await startServer();
    const clients = [];
    const [here, there] = await Promise.all(
      [0, 1].map(async () => {
        const client = await libraries.ioredis.connect(server.url, { keyPrefix: "app:" });
        clients.push(client);
        return new CacheStorage(new RedisStorage(client), { changes: redisChanges(client) });
      }),
    );
    await follows(server, 2);
    await there.set("id", "before");
    equal(await text(there, "id"), "before");
    await here.set("id", "changed");
    await until(async () => (await text(there, "id")) === "changed", "it is still seen as it was");
    for (const cache of [here, there]) await cache.close();
    for (const client of clients) libraries.ioredis.end(client);
    await server.end();
  });

  it("refuses a client that cannot hear", async () => {
    const sentinelRootNodes = [{ host: "127.0.0.1", port: 1 }];
    const unable = {
      "a client that was not told to": createClient(),
      "a pool": createClientPool({ RESP: 3, emitInvalidate: true }),
      "a sentinel": createSentinel({ name: "watched", sentinelRootNodes, nodeClientOptions: { RESP: 3 } }),
      nothing: {},
    };
    for (const [what, client] of Object.entries(unable)) {
      const make = async () =>
        new CacheStorage(new RedisStorage({ sendCommand() {} }), { changes: redisChanges(client) });
      const error = await rejection(make());
      equal(error instanceof SessionError && error.code, "ERR_SESSION_INVALID_OPTION", what);
    }
  });
});

const retried = (error) => {
  equal(error.code, "ERR_SESSION_STORAGE");
  return "try again";
};

/** So many clients are told of changes. */
function follows(server, count) {
  const tracked = async () => {
    const list = await server.command("CLIENT", "LIST");
    return list.split("\n").filter((line) => /flags=\S*t/.test(line)).length >= count;
  };
  return until(tracked, "the server does not track changes");
}
