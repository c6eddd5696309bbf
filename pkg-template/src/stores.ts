/**
 * Any storage of this package, or one of your own, inside other libraries: each of these takes a storage and gives what the
 * library wants. Nothing of those libraries is imported.
 *
 * ```js
 * import session from "express-session";
 * import { DirectoryStorage } from "sessile";
 * import { expressSessionStore } from "sessile/stores";
 *
 * const store = expressSessionStore(session, new DirectoryStorage("./sessions"));
 * app.use(session({ store, secret, resave: false, saveUninitialized: false }));
 * ```
 *
 * @module
 */
export { betterAuthStorage, type BetterAuthOptions, type BetterAuthStorage } from "./stores/better-auth.js";
export { expressSessionStore, type ExpressSession } from "./stores/express-session.js";
export { fastifySessionStore } from "./stores/fastify-session.js";
export {
  honoSessionStorage,
  type HonoContext,
  type HonoSessionOptions,
  type HonoStorage,
} from "./stores/hono-session.js";
export type { ItemOptions } from "./stores/items.js";
export {
  keyvStore,
  type KeyvStore,
  type KeyvStoreEntry,
  type KeyvStoreMethod,
  type KeyvStoreOptions,
} from "./stores/keyv.js";
export type { StoredSessionOptions } from "./stores/session-objects.js";
export type { SessionStoreMethods, SessionStoreOptions } from "./stores/session-store.js";
export {
  unstorageDriver,
  type UnstorageCallOptions,
  type UnstorageDriver,
  type UnstorageOptions,
} from "./stores/unstorage.js";
