// Sessions that connect-redis has left are taken over, each once, with what is left of their time.
import { RedisStore } from "connect-redis";
import { RedisStorage } from "sessile/redis";
import { equal, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { startServer } from "./servers.mjs";

const content = { cookie: { originalMaxAge: 60_000, httpOnly: true, path: "/" }, user: "ada", visits: 3 };

/** A client that sends a command when it has the answer to the one before. */
const inTurn = (client) => {
  let last = Promise.resolve();
  return { sendCommand: (...given) => (last = last.then(() => client.sendCommand(...given))) };
};

describe("sessions of connect-redis", () => {
  const withStores = (body) => async () => {
    const server = await startServer();
    const client = await libraries.redis.connect(server.url);
    const other = await libraries.ioredis.connect(server.url);
    try {
      const old = new RedisStore({ client, ttl: 60 });
      const has = async (id) => (await server.command("EXISTS", `sess:${id}`)).startsWith(":1");
      const options = { connectRedis: {}, prefix: "new:" };
      await body({
        old,
        has,
        client,
        here: new RedisStorage(client, options),
        there: new RedisStorage(other, options),
        server,
      });
    } finally {
      libraries.redis.end(client);
      libraries.ioredis.end(other);
      await server.end();
    }
  };
  const uses = {
    getJson: async (storage) => same(await storage.getJson("id"), content),
    read: async (storage) =>
      same(await storage.read("id", (channel) => new Response(channel).json()), content),
    info: async (storage) =>
      equal((await storage.info("id")).idleTimeout > 50_000, true, "the rest of its time"),
    touch: async (storage) => equal(await storage.touch("id"), true),
  };

  for (const [what, use] of Object.entries(uses)) {
    it(
      `are taken over by ${what}()`,
      withStores(async ({ old, has, here, there }) => {
        await old.set("id", content);
        await use(here);
        equal(await has("id"), false, "whether the old one is there");
        same(await there.getJson("id"), content, "what another process finds");
        const { idleTimeout } = await here.info("id");
        equal(
          idleTimeout > 50_000 && idleTimeout <= 60_000,
          true,
          "whether it lives as long as it would have",
        );
      }),
    );
  }

  it(
    "are there to a conditional write",
    withStores(async ({ old, has, here }) => {
      await old.set("id", content);
      equal((await rejection(here.setJson("id", {}, { ifRevision: null }))).code, "ERR_SESSION_CONFLICT");
      const { revision } = await here.info("id");
      await here.setJson("id", { user: "bob" }, { ifRevision: revision });
      same(await here.getJson("id"), { user: "bob" });
      equal(await has("id"), false, "whether the old one is there");
    }),
  );

  it(
    "are ended by invalidate(), and do not come back",
    withStores(async ({ old, has, here }) => {
      await old.set("id", content);
      equal(await here.invalidate("id"), true);
      equal(await has("id"), false, "whether the old one is there");
      equal(await here.get("id"), undefined);
    }),
  );

  it(
    "are taken over once by many at once",
    withStores(async ({ old, here, there }) => {
      for (let round = 0; round < 20; round += 1) {
        await old.set(`id ${round}`, content);
        const found = await Promise.all(
          Array.from({ length: 8 }, (_, at) => [here, there][at % 2].get(`id ${round}`)),
        );
        equal(new Set(found.map(({ info }) => info.revision)).size, 1, "how many revisions");
      }
    }),
  );

  it(
    "that are ended while they are taken over stay ended",
    withStores(async ({ old, client, there }) => {
      await old.set("id", content);
      // The old one has been read, and the new one is not written yet.
      const between = {
        async sendCommand(args, options) {
          const reply = await client.sendCommand(args, options);
          if (args[0] === "PTTL") equal(await there.invalidate("id"), true, "whether it was there");
          return reply;
        },
      };
      const here = new RedisStorage(between, { connectRedis: {}, prefix: "new:" });
      equal(await here.get("id"), undefined, "what takes it over");
      equal(await there.get("id"), undefined, "the session");
    }),
  );

  it(
    "C7: that expire while they are looked at are not there",
    withStores(async ({ old, client, server, there }) => {
      await old.set("id", content);
      await server.command("PERSIST", "sess:id");
      equal((await there.info("id")).idleTimeout, undefined, "one without an end stays without one");
      await old.set("other", content);
      // The content has been read when its time is over.
      const between = {
        async sendCommand(args, options) {
          const reply = await client.sendCommand(args, options);
          if (args[0] === "GET" && args[1] === "sess:other") await server.command("DEL", "sess:other");
          return reply;
        },
      };
      const here = new RedisStorage(inTurn(between), { connectRedis: {}, prefix: "new:" });
      equal(await here.get("other"), undefined, "what finds it");
      equal(await there.get("other"), undefined, "the session");
    }),
  );

  it(
    "are not looked for unless it is said",
    withStores(async ({ old, has, here, server }) => {
      await old.set("id", content);
      const client = await libraries.redis.connect(server.url);
      equal(await new RedisStorage(client).get("id"), undefined);
      libraries.redis.end(client);
      equal(await has("id"), true, "whether the old one is there");
      for (const connectRedis of [5, "sess:", null, { prefix: 5 }]) {
        equal(
          (await rejection((async () => new RedisStorage(client, { connectRedis }))())).code,
          "ERR_SESSION_INVALID_OPTION",
        );
      }
      same(await here.getJson("id"), content);
    }),
  );
});
