/**
 * Sessions in Redis or Valkey, over a client of your own: `redis` or `ioredis`. Nothing of those libraries is imported.
 *
 * ```js
 * import { createClient } from "redis";
 * import { redisSessionStorage } from "sessile/redis";
 *
 * const client = await createClient({ url: "redis://localhost" }).connect();
 * const storage = redisSessionStorage(client, { idleTimeout: "30m" });
 * await storage.setJson("an id", { user: 17 });
 * ```
 *
 * @module
 */
import type { RedisClient } from "./redis/clients.js";
import { RedisStorage, type RedisOptions } from "./redis/storage.js";

export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from "./redis/clients.js";
export {
  redisChanges,
  type IoRedisClusterTracking,
  type IoRedisTracking,
  type NodeRedisClusterTracking,
  type NodeRedisTracking,
  type RedisTracking,
} from "./redis/changes.js";
export { RedisStorage, type RedisOptions } from "./redis/storage.js";

/** The same as `new RedisStorage`, beside `directorySessionStorage`. */
export function redisSessionStorage(client: RedisClient, options?: RedisOptions): RedisStorage {
  return new RedisStorage(client, options);
}
