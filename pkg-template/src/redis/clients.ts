/** What a command is made of: text, and bytes as a `Buffer`. */
type RedisArgument = string | Uint8Array;

/** A client of `redis`, alone or a pool: `createClient`, `createClientPool`. */
export interface NodeRedisClient {
  sendCommand(args: RedisArgument[], options?: { typeMapping?: object }): Promise<unknown>;
}

/** A cluster of `redis`: `createCluster`. */
export interface NodeRedisCluster {
  readonly slots: unknown;
  sendCommand(
    firstKey: RedisArgument | undefined,
    isReadonly: boolean | undefined,
    args: RedisArgument[],
    options?: { typeMapping?: object },
  ): Promise<unknown>;
}

/** Servers behind sentinels, of `redis`: `createSentinel`. */
export interface NodeRedisSentinel {
  getMasterNode(): unknown;
  sendCommand(
    isReadonly: boolean | undefined,
    args: RedisArgument[],
    options?: { typeMapping?: object },
  ): Promise<unknown>;
}

/** A client of `ioredis`, alone, behind sentinels or of a cluster. */
export interface IoRedisClient {
  callBuffer(command: string, ...args: (string | Uint8Array | number)[]): Promise<unknown>;
}

export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient;
