// The conformance kit, on one server and in a cluster of three, by each of the libraries; by those before them on one.
import { createHash } from "node:crypto";
import { CacheStorage, generateSessionId } from "sessile";
import { RedisStorage, redisChanges } from "sessile/redis";
import { testSessionStorage } from "sessile/testing";
import { describe, it } from "../package/harness.mjs";
import { libraries, olderLibraries } from "./clients.mjs";
import { ask, startCluster, startServer } from "./servers.mjs";

const server = await startServer();
const cluster = await startCluster(3);
let count = 0;

/** What the storage keeps by itself and behind a cache. */
const both = {
  wholeValues: true,
  timeouts: true,
  clock: true,
  generateSessionId,
  streams: true,
  conditional: true,
  tags: true,
  durable: true,
  limits: { maxSessionBytes: true },
};

/** @param ports where the sessions' records may be */
function testKit(client, ports) {
  const prefixes = new WeakMap();
  const open = (prefix, options) => {
    const storage = new RedisStorage(client, { ...options, prefix });
    prefixes.set(storage, prefix);
    return storage;
  };
  testSessionStorage({ describe, it }, (options) => open(`kit-${(count += 1)}:`, options), {
    ...both,
    shared: true,
    reopen: async (storage, options) => {
      await storage.close();
      return open(prefixes.get(storage), options);
    },
    join: (storage, options) => open(prefixes.get(storage), options),
    damage: (storage, id) => damage(ports, prefixes.get(storage), id),
  });
}

/** Behind a cache that the server tells of changes: all but what others do at the same moment, and a damage. */
function testCachedKit(client) {
  const prefixes = new WeakMap();
  const open = (prefix, options) => {
    const behind = new RedisStorage(client, { ...options, prefix });
    const storage = new CacheStorage(behind, { clock: options.clock, changes: redisChanges(client) });
    prefixes.set(storage, prefix);
    return storage;
  };
  testSessionStorage({ describe, it }, (options) => open(`cached-kit-${(count += 1)}:`, options), {
    ...both,
    reopen: async (storage, options) => {
      await storage.close();
      return open(prefixes.get(storage), options);
    },
    discard: (storage) => storage.close(),
  });
}

/** The last byte of a record is the content's. */
async function damage(ports, prefix, id) {
  const key = `${prefix}{${createHash("sha256").update(id).digest("base64url")}}`;
  for (const port of ports) {
    const length = Number((await ask(port, "STRLEN", key)).slice(1));
    if (length > 0) {
      await ask(port, "SETRANGE", key, String(length - 1), "\u0001");
      return;
    }
  }
  throw new Error("there is no record to damage");
}

for (const [name, library] of Object.entries(libraries)) {
  const alone = library.connecting(server.url);
  describe(`RedisStorage over ${name}`, () => testKit(alone, [server.port]));
  const hearing = await library.connect(server.url, library.hearing);
  // Some cases have many storages at once.
  hearing.setMaxListeners(100);
  describe(`CacheStorage over RedisStorage over ${name}`, () => testCachedKit(hearing));
  const client = await library.cluster(cluster.urls);
  describe(`RedisStorage over ${name}, in a cluster`, () => testKit(client, cluster.ports));
}

for (const [name, library] of Object.entries(olderLibraries))
  describe(`RedisStorage over ${name}`, () => testKit(library.connecting(server.url), [server.port]));
