// Caches in front of a cluster that learn of each other's changes from each of its nodes, also from those that take over or join.
import { CacheStorage } from "sessile";
import { RedisStorage, redisChanges } from "sessile/redis";
import { equal, rejection } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { slotOfName } from "./canaries.mjs";
import { libraries, olderLibraries } from "./clients.mjs";
import { ask, bulk, startCluster, startServer, until } from "./servers.mjs";

/** Enough of them that every master has some. */
const IDS = Array.from({ length: 12 }, (_, at) => `id ${at}`);
const all = { ...libraries, ...olderLibraries };

const text = async (storage, id) => {
  const found = await storage.get(id);
  return found && new TextDecoder().decode(found.data);
};

/** Until both the cluster and its client are whole again. */
async function insists(call) {
  let done;
  await until(
    async () => {
      done = await call().catch((error) => equal(error.code, "ERR_SESSION_STORAGE", error.message));
      return done !== undefined;
    },
    "the cluster does not work again",
    20,
  );
  return done;
}

/** Every cache comes to show it. */
async function comeToSee(id, expected, what) {
  for (const [name, cache] of caches) {
    const isSeen = async () => (await text(cache, id).catch(() => "not now")) === expected;
    await until(isSeen, `${what}: ${id} is still seen as it was over ${name}`);
  }
}

/** What is changed, all caches come to show, also where they have kept what was before. */
async function learn(what) {
  for (const id of IDS) {
    await insists(() => writer.set(id, `before ${what}`));
    await comeToSee(id, `before ${what}`, what);
  }
  for (const [name, cache] of caches) await keeps(cache, `${what}, over ${name}`);
  for (const id of IDS) {
    await insists(() => writer.set(id, `after ${what}`));
    await comeToSee(id, `after ${what}`, what);
  }
}

/** What it has read it keeps, from every node. */
const keeps = (cache, what) =>
  until(
    async () => {
      for (const id of IDS) await text(cache, id);
      const { hits } = cache.cacheStats();
      for (const id of IDS) await text(cache, id);
      return cache.cacheStats().hits - hits === IDS.length;
    },
    `${what}: nothing is kept`,
    20,
  );

let cluster;
let caches;
let writer;
const clients = [];

/** One cluster, and a cache over each library, for all that follows. What others change, they change by `writer`. */
async function start() {
  cluster = await startCluster(3, { replicas: true });
  caches = new Map();
  const connect = async (library, options) => {
    const client = await library.cluster(cluster.urls, options);
    clients.push([library, client]);
    return client;
  };
  for (const [name, library] of Object.entries(all)) {
    const client = await connect(library, library.hearingCluster);
    const storage = new RedisStorage(client, { timeout: 2_000 });
    const timeouts = { idleTimeout: "1h", absoluteTimeout: "1h" };
    caches.set(name, new CacheStorage(storage, { ...timeouts, changes: redisChanges(client) }));
  }
  writer = new RedisStorage(await connect(libraries.ioredis), { timeout: 2_000 });
}

describe("a cache over a cluster", () => {
  it("learns of changes from every master", async () => {
    await start();
    await learn("a change");
    for (const id of IDS) {
      await writer.invalidate(id);
      await comeToSee(id, undefined, "an invalidate");
    }
  });

  it("learns of them also of sessions that it has written itself", async () => {
    for (const [name, cache] of caches) {
      for (const id of IDS) {
        await cache.set(id, `of ${name}`);
        equal(await text(cache, id), `of ${name}`);
        await writer.set(id, `after ${name}`);
        await comeToSee(id, `after ${name}`, "a change");
      }
    }
  });

  it("learns of them from a master that joins", async () => {
    const joined = await join();
    const moved = IDS.find((id) => ownerOf(id) === cluster.ports[0]);
    for (const cache of caches.values()) await text(cache, moved);
    await move(joined, slotOfName(moved));
    await insists(() => writer.set(moved, "moved"));
    await comeToSee(moved, "moved", "the move");
    await learn("the move");
  });

  it("learns of them when a replica has taken over", async () => {
    // It asks for the nodes only when one that is there sends it elsewhere, and so goes on asking the one that is dead.
    await caches.get("redis 5").close();
    caches.delete("redis 5");
    await cluster.servers[1].stop();
    await learn("the failover");
  });

  it("leaves no connection when it is closed", async () => {
    for (const cache of caches.values()) await cache.close();
    for (const [library, client] of clients) library.end(client);
    for (const server of cluster.servers.filter((server) => server !== cluster.servers[1])) {
      // The one that asks.
      const isAlone = async () => connections(await server.command("CLIENT", "LIST", "TYPE", "NORMAL")) <= 1;
      await until(isAlone, "some are left");
      equal(connections(await server.command("CLIENT", "LIST", "TYPE", "PUBSUB")), 0, "of those that listen");
    }
    for (const server of cluster.servers) await server.end();
  });
});

const connections = (list) => list.split("\n").filter((line) => line.startsWith("id=")).length;

const ownerOf = (id) => cluster.ports[Math.floor((slotOfName(id) * 3) / 16_384)];

/** A master of a cluster that has no slots yet. */
async function join() {
  const server = await startServer({ "cluster-enabled": "yes", "cluster-node-timeout": "2000" });
  cluster.servers.push(server);
  await server.command("CLUSTER", "MEET", "127.0.0.1", String(cluster.ports[0]));
  const knows = (info) => info.includes("cluster_known_nodes:7") && info.includes("cluster_state:ok");
  for (const { port } of cluster.servers)
    await until(async () => knows(await ask(port, "CLUSTER", "INFO")), "it is not known");
  return server;
}

/** Moves a slot and all that is in it from the first master to another, as an operator does. */
async function move(to, slot) {
  const from = cluster.servers[0];
  const [source, target] = [
    bulk(await from.command("CLUSTER", "MYID")),
    bulk(await to.command("CLUSTER", "MYID")),
  ];
  await to.command("CLUSTER", "SETSLOT", String(slot), "IMPORTING", source);
  await from.command("CLUSTER", "SETSLOT", String(slot), "MIGRATING", target);
  const keys = await from.command("CLUSTER", "GETKEYSINSLOT", String(slot), "100");
  for (const key of keys.split("\r\n").filter((line) => line.startsWith("sessile:")))
    equal(
      await from.command("MIGRATE", "127.0.0.1", String(to.port), key, "0", "5000"),
      "+OK\r\n",
      "MIGRATE",
    );
  for (const server of [to, from, ...cluster.servers.slice(1, 3)])
    equal(await server.command("CLUSTER", "SETSLOT", String(slot), "NODE", target), "+OK\r\n", "SETSLOT");
}

describe("redisChanges", () => {
  it("refuses a cluster that cannot hear", async () => {
    const cluster = await startCluster(3);
    const deaf = await libraries.redis.cluster(cluster.urls);
    const unconnected = libraries.redis.unconnectedCluster(cluster.urls, libraries.redis.hearingCluster);
    try {
      for (const client of [deaf, unconnected]) {
        const make = async () =>
          new CacheStorage(new RedisStorage(client), { changes: redisChanges(client) });
        equal((await rejection(make())).code, "ERR_SESSION_INVALID_OPTION");
      }
    } finally {
      libraries.redis.end(deaf);
      for (const server of cluster.servers) await server.end();
    }
  });
});
