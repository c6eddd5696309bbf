import type { Buffer } from "node:buffer";
import type { Changes } from "../coherence.js";
import { invalid } from "../options.js";
import { hash } from "./hash.js";
import { tracked } from "./connection.js";

/** A single client of `redis` that hears of invalidations: `createClient({ RESP: 3, emitInvalidate: true })`. */
export interface NodeRedisTracking {
  readonly isReady: boolean;
  sendCommand(args: string[]): Promise<unknown>;
  on(event: string, listener: (key: unknown) => void): unknown;
  off(event: string, listener: (key: unknown) => void): unknown;
}

/** A single client of `ioredis`. */
export interface IoRedisTracking {
  readonly status: string;
  callBuffer(command: string, ...args: string[]): Promise<unknown>;
  duplicate(options: object): IoRedisTracking;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: string, listener: (...told: unknown[]) => void): unknown;
  off(event: string, listener: (...told: unknown[]) => void): unknown;
}

/** A node of a cluster, as far as it is connected. */
interface NodeRedisNode {
  readonly client?: NodeRedisTracking | undefined;
}

/** A cluster of `redis` whose nodes hear of invalidations: `createCluster({ RESP: 3, defaults: { emitInvalidate: true }, … })`. */
export interface NodeRedisClusterTracking {
  readonly masters: readonly NodeRedisNode[];
  readonly replicas: readonly NodeRedisNode[];
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** A cluster of `ioredis`. */
export interface IoRedisClusterTracking {
  readonly isCluster: boolean;
  nodes(): IoRedisTracking[];
  on(event: string, listener: (node: IoRedisTracking) => void): unknown;
  off(event: string, listener: (node: IoRedisTracking) => void): unknown;
}

export type RedisTracking =
  NodeRedisTracking | IoRedisTracking | NodeRedisClusterTracking | IoRedisClusterTracking;

/** The channel on which a server tells a second connection what the first one should forget. */
const INVALIDATE = "__redis__:invalidate";

/**
 * Changes that others make in Redis, as the server tells them (client-side caching): for a `CacheStorage` in front of a `RedisStorage`.
 * `client` must be the one that the storage uses: the server remembers what was asked for over it. With
 * `redis` it is made with `emitInvalidate: true`, for a cluster among the `defaults` of its nodes, and the cluster is connected
 * already; with `ioredis` a second connection is opened, for each node of a cluster that is in use, which `close()` of the cache
 * ends. Others, as pools and sentinels of `redis`, are refused with `ERR_SESSION_INVALID_OPTION`: there, entries leave at their age.
 *
 * When a connection breaks all is forgotten, and once more when the server tells of changes again; so it is when a node leaves or
 * joins a cluster.
 *
 * @example
 * ```js
 * import { createClient } from "redis";
 * import { CacheStorage } from "sessile";
 * import { RedisStorage, redisChanges } from "sessile/redis";
 *
 * const client = await createClient({ RESP: 3, emitInvalidate: true }).connect();
 * const storage = new CacheStorage(new RedisStorage(client), { changes: redisChanges(client) });
 * ```
 */
export function redisChanges(client: RedisTracking): Changes {
  return {
    nameOf: (id) => hash("sha256", id, "base64url"),
    subscribe: (listener) => {
      // Whatever stands before it: a client may have a prefix of its own, and nobody else's keys have our names.
      const hear = (key: string): void => {
        const name = /\{([^{}]*)\}$/.exec(key)?.[1];
        if (name !== undefined) listener(name);
      };
      const follow = follower(client);
      tracked.add(client);
      return follow(hear, listener);
    },
  };
}

type Follow = (hear: Hear, forget: Forget) => () => void;

function follower(client: object): Follow {
  if (isNodeRedis(client)) return (...how) => followNodeRedis(client, ...how);
  if (isNodeRedisCluster(client)) return (...how) => followNodeRedisCluster(client, ...how);
  if (isIoRedisCluster(client)) return (...how) => followIoRedisCluster(client, ...how);
  if (isIoRedis(client)) return (...how) => followIoRedis(client, ...how);
  throw invalid(
    "client must be one that hears of changes: createClient({ RESP: 3, emitInvalidate: true }) of redis, a connected " +
      "createCluster({ RESP: 3, defaults: { emitInvalidate: true }, ... }) of it, or Redis or Cluster of ioredis",
  );
}

type Hear = (key: string) => void;
type Forget = (name: undefined) => void;

function followNodeRedis(client: NodeRedisTracking, hear: Hear, forget: Forget): () => void {
  const told = (key: unknown): void => {
    if (key === null) forget(undefined);
    else hear(String(key));
  };
  const lost = (): void => forget(undefined);
  const follow = (): void => {
    // The client has turned it on by itself, but would be told of its own changes too.
    client.sendCommand(tracking()).then(lost, lost);
  };
  const listeners = { invalidate: told, error: lost, end: lost, ready: follow };
  for (const [event, listener] of Object.entries(listeners)) client.on(event, listener);
  if (client.isReady) follow();
  return () => {
    for (const [event, listener] of Object.entries(listeners)) client.off(event, listener);
    client.sendCommand(["CLIENT", "TRACKING", "OFF"]).catch(() => {});
  };
}

/** Each node tells of the sessions that it has. The cluster makes and drops their clients as it learns of nodes. */
function followNodeRedisCluster(cluster: NodeRedisClusterTracking, hear: Hear, forget: Forget): () => void {
  const followed = new Map<NodeRedisTracking, () => void>();
  const look = (): void => {
    const nodes = [...cluster.masters, ...cluster.replicas];
    const clients = new Set(nodes.flatMap(({ client }) => client ?? []));
    for (const [client, end] of followed) {
      if (clients.has(client)) continue;
      followed.delete(client);
      end();
      forget(undefined);
    }
    for (const client of clients)
      if (!followed.has(client)) followed.set(client, followNodeRedis(client, hear, forget));
  };
  // Told before the node is asked for anything.
  const events = ["node-connect", "node-ready", "node-disconnect"];
  for (const event of events) cluster.on(event, look);
  look();
  return () => {
    for (const event of events) cluster.off(event, look);
    for (const end of followed.values()) end();
  };
}

/** Each node tells of the sessions that it has. Most clusters have clients of replicas that nobody asks, and that never connect. */
function followIoRedisCluster(cluster: IoRedisClusterTracking, hear: Hear, forget: Forget): () => void {
  const followed = new Map<IoRedisTracking, () => void>();
  // A node's client does not connect again when it is gone, but the second one must as long as the first is there.
  const options = { retryStrategy: (times: number) => Math.min(times * 50, 2_000) };
  const join = (node: IoRedisTracking): void => {
    if (followed.has(node)) return;
    let end: (() => void) | undefined;
    const start = (): void => {
      end ??= followIoRedis(node, hear, forget, options);
    };
    node.on("ready", start);
    followed.set(node, () => {
      node.off("ready", start);
      end?.();
    });
    if (node.status === "ready") start();
  };
  const leave = (node: IoRedisTracking): void => {
    followed.get(node)?.();
    followed.delete(node);
    forget(undefined);
  };
  cluster.on("+node", join);
  cluster.on("-node", leave);
  for (const node of cluster.nodes()) join(node);
  return () => {
    cluster.off("+node", join);
    cluster.off("-node", leave);
    for (const end of followed.values()) end();
  };
}

function followIoRedis(
  client: IoRedisTracking,
  hear: Hear,
  forget: Forget,
  options: object = {},
): () => void {
  // In the older protocol, in which it gets what is redirected to it as messages of a channel.
  const second = client.duplicate({
    protocol: 2,
    autoResubscribe: false,
    lazyConnect: false,
    maxRetriesPerRequest: null,
    ...options,
  });
  const lost = (): void => forget(undefined);
  const told = (channel: unknown, keys: unknown): void => {
    if (String(channel) !== INVALIDATE) return;
    if (Array.isArray(keys)) for (const key of keys as Buffer[]) hear(String(key));
    else lost();
  };
  let id: string | undefined;
  const follow = (): void => {
    if (id === undefined || client.status !== "ready") return;
    const [command = "", ...rest] = tracking(id);
    client.callBuffer(command, ...rest).then(lost, lost);
  };
  const join = (): void => {
    id = undefined;
    second
      .callBuffer("CLIENT", "ID")
      .then(async (own) => {
        await second.subscribe(INVALIDATE);
        id = String(own);
        follow();
      })
      .catch(lost);
  };
  second.on("messageBuffer", told);
  // Whoever has no listener for it throws into the process.
  second.on("error", lost);
  second.on("close", lost);
  second.on("ready", join);
  client.on("close", lost);
  client.on("ready", follow);
  return () => {
    client.off("close", lost);
    client.off("ready", follow);
    second.disconnect();
    client.callBuffer("CLIENT", "TRACKING", "OFF").catch(() => {});
  };
}

function tracking(redirect?: string): string[] {
  const target = redirect === undefined ? [] : ["REDIRECT", redirect];
  return ["CLIENT", "TRACKING", "ON", ...target, "NOLOOP"];
}

function isNodeRedis(client: object): client is NodeRedisTracking {
  const { options } = client as { options?: { emitInvalidate?: unknown } };
  return "sendCommand" in client && "isReady" in client && options?.emitInvalidate === true;
}

/** Of one that is not connected nobody can see how its nodes will be. */
function isNodeRedisCluster(client: object): client is NodeRedisClusterTracking {
  if (!("masters" in client && "replicas" in client && Array.isArray(client.masters))) return false;
  const nodes = client.masters as readonly NodeRedisNode[];
  return nodes.some((node) => node.client !== undefined && isNodeRedis(node.client));
}

function isIoRedisCluster(client: object): client is IoRedisClusterTracking {
  return "nodes" in client && "isCluster" in client && client.isCluster === true;
}

function isIoRedis(client: object): client is IoRedisTracking {
  return "callBuffer" in client && "duplicate" in client;
}
