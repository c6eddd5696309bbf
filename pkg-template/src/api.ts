export { CacheStorage } from "./cache.js";
export { broadcastChanges, type Changes } from "./coherence.js";
export { DirectoryStorage, directorySessionStorage } from "./directory.js";
export { SessionError, type SessionErrorCode } from "./error.js";
export { generateSessionId } from "./id.js";
export { SessionStorageMemory } from "./memory.js";
export { SealedStorage, type SealedOptions } from "./sealed.js";
export type { SecretList } from "./secrets.js";
export {
  cookie,
  header,
  sessions,
  type Committed,
  type CommonOptions,
  type CookieAttributesOptions,
  type CookieOptions,
  type FetchHandler,
  type InvalidSession,
  type NodeMiddleware,
  type NodeOptions,
  type NodeRequest,
  type NodeResponse,
  type OpenSessions,
  type RequestHeaders,
  type SchemaResult,
  type SealedCookieOptions,
  type SentHeader,
  type Session,
  type SessionCounters,
  type SessionDefinition,
  type SessionDefinitions,
  type SessionEvent,
  type SessionOptions,
  type Sessions,
  type SessionsOf,
  type StandardSchema,
} from "./sessions/index.js";
export { SharedSessionStorage } from "./shared.js";
export { SimplifiedSessionStorage } from "./simplified.js";
export { Sealer, Signer, type Opened, type Verified } from "./ticket.js";
export type {
  BuiltInStorage,
  CacheOptions,
  CacheStats,
  DirectoryOptions,
  DirectorySessionStorageOptions,
  Duration,
  MemoryOptions,
  NewRecord,
  SessionData,
  SessionInfo,
  SessionStorage,
  SharedOptions,
  SimplifiedOptions,
  StorageCapabilities,
  StorageOptions,
  StorageStats,
  VersionedRecord,
  WriteOptions,
} from "./types.js";
export { init, type WasmSource } from "./wasm.js";
