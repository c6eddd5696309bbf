// Connected clients of both libraries, by one name each, so that every test can be run with both.
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster, createSentinel } from "redis";

const quiet = (client) => {
  // A client that nobody listens to throws into the process.
  client.on("error", () => {});
  return client;
};

export const libraries = {
  redis: {
    async connect(url, options = {}) {
      const client = quiet(createClient({ url, socket: { reconnectStrategy: () => 20 }, ...options }));
      await client.connect();
      return client;
    },
    /** Not awaited: there may be no server yet. */
    connecting(url) {
      const client = quiet(createClient({ url, socket: { reconnectStrategy: () => 20 } }));
      client.connect().catch(() => {});
      return client;
    },
    async cluster(urls) {
      const client = quiet(createCluster({ rootNodes: urls.map((url) => ({ url })) }));
      await client.connect();
      return client;
    },
    async watched(port) {
      const sentinelRootNodes = [{ host: "127.0.0.1", port }];
      const client = quiet(createSentinel({ name: "watched", sentinelRootNodes, scanInterval: 100 }));
      await client.connect();
      return client;
    },
    end: (client) => client.destroy(),
  },
  ioredis: {
    async connect(url, options = {}) {
      const client = quiet(new Redis(url, { lazyConnect: true, retryStrategy: () => 20, ...options }));
      await client.connect();
      return client;
    },
    connecting: (url) => quiet(new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })),
    async cluster(urls) {
      const nodes = urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
      const client = quiet(new Cluster(nodes, { lazyConnect: true }));
      await client.connect();
      return client;
    },
    async watched(port) {
      const sentinels = [{ host: "127.0.0.1", port }];
      const client = quiet(
        new Redis({ sentinels, name: "watched", lazyConnect: true, sentinelRetryStrategy: () => 50 }),
      );
      await client.connect();
      return client;
    },
    end: (client) => client.disconnect(),
  },
};
