// Connected clients of the libraries, by one name each, so that every test can be run with all of them.
import * as ioredis from "ioredis";
import * as ioredis5 from "ioredis5";
import * as redis from "redis";
import * as redis5 from "redis5";

const quiet = (client) => {
  // A client that nobody listens to throws into the process.
  client.on("error", () => {});
  return client;
};

const socket = { reconnectStrategy: () => 20 };

const nodeRedis = ({ createClient, createCluster, createSentinel }) => {
  const library = {
    async connect(url, options = {}) {
      const client = quiet(createClient({ url, socket, ...options }));
      await client.connect();
      return client;
    },
    /** Not awaited: there may be no server yet. */
    connecting(url) {
      const client = quiet(createClient({ url, socket }));
      client.connect().catch(() => {});
      return client;
    },
    async cluster(urls, options = {}) {
      const client = library.unconnectedCluster(urls, options);
      await client.connect();
      return client;
    },
    unconnectedCluster: (urls, options) =>
      quiet(createCluster({ rootNodes: urls.map((url) => ({ url })), ...options })),
    /** The port of the master that a cluster's client takes for a slot's. */
    masterOf: (client, slot) => client.slots[slot]?.master?.port,
    async watched(port) {
      const sentinelRootNodes = [{ host: "127.0.0.1", port }];
      const client = quiet(createSentinel({ name: "watched", sentinelRootNodes, scanInterval: 100 }));
      await client.connect();
      return client;
    },
    /** Options with which a client, or a cluster's, hears of what others change. */
    hearing: { RESP: 3, emitInvalidate: true },
    hearingCluster: { RESP: 3, defaults: { emitInvalidate: true } },
    end: (client) => client.destroy(),
  };
  return library;
};

const ioRedis = ({ Cluster, Redis }) => ({
  async connect(url, options = {}) {
    const client = quiet(new Redis(url, { lazyConnect: true, retryStrategy: () => 20, ...options }));
    await client.connect();
    return client;
  },
  connecting: (url) => quiet(new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })),
  async cluster(urls, options = {}) {
    const nodes = urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
    const client = quiet(new Cluster(nodes, { lazyConnect: true, ...options }));
    await client.connect();
    return client;
  },
  masterOf: (client, slot) => Number(client.slots[slot]?.[0]?.split(":").at(-1)) || undefined,
  async watched(port) {
    const sentinels = [{ host: "127.0.0.1", port }];
    const client = quiet(
      new Redis({ sentinels, name: "watched", lazyConnect: true, sentinelRetryStrategy: () => 50 }),
    );
    await client.connect();
    return client;
  },
  hearing: {},
  hearingCluster: {},
  end: (client) => client.disconnect(),
});

export const libraries = { redis: nodeRedis(redis), ioredis: ioRedis(ioredis) };

/** The majors before these, for what depends on them. */
export const olderLibraries = { "redis 5": nodeRedis(redis5), "ioredis 5": ioRedis(ioredis5) };
