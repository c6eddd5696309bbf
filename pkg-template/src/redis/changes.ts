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

/** The channel on which a server tells a second connection what the first one should forget. */
const INVALIDATE = "__redis__:invalidate";

/**
 * Changes that others make in Redis, as the server tells them (client-side caching): for a `CacheStorage` in front of a `RedisStorage`.
 * `client` must be the one that the storage uses: the server remembers what was asked for over it. With
 * `redis` it is made with `emitInvalidate: true`; with `ioredis` a second connection is opened, which `close()` of the cache
 * ends. A cluster's clients are refused: there, entries leave at their age.
 *
 * When a connection breaks all is forgotten, and once more when the server tells of changes again.
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
export function redisChanges(client: NodeRedisTracking | IoRedisTracking): Changes {
  return {
    nameOf: (id) => hash("sha256", id, "base64url"),
    subscribe: (listener) => {
      tracked.add(client);
      // Whatever stands before it: a client may have a prefix of its own, and nobody else's keys have our names.
      const hear = (key: string): void => {
        const name = /\{([^{}]*)\}$/.exec(key)?.[1];
        if (name !== undefined) listener(name);
      };
      if (isNodeRedis(client)) return followNodeRedis(client, hear, listener);
      if (isIoRedis(client)) return followIoRedis(client, hear, listener);
      throw invalid(
        "client must be a single client: createClient({ RESP: 3, emitInvalidate: true }) of redis, or Redis of ioredis",
      );
    },
  };
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

function followIoRedis(client: IoRedisTracking, hear: Hear, forget: Forget): () => void {
  // In the older protocol, in which it gets what is redirected to it as messages of a channel.
  const second = client.duplicate({
    protocol: 2,
    autoResubscribe: false,
    lazyConnect: false,
    maxRetriesPerRequest: null,
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

function isIoRedis(client: object): client is IoRedisTracking {
  return (
    "callBuffer" in client && "duplicate" in client && !("isCluster" in client && client.isCluster === true)
  );
}
