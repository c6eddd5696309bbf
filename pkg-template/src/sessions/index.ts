export type { RequestHeaders, SentHeader } from "./carriers.js";
export { cookie, header } from "./define.js";
export type { SessionDefinition } from "./definition.js";
export type { SessionCounters } from "./events.js";
export type { FetchHandler } from "./fetch.js";
export type { NodeMiddleware, NodeOptions, NodeRequest, NodeResponse } from "./node.js";
export type {
  CommonOptions,
  CookieAttributesOptions,
  CookieOptions,
  InvalidSession,
  SchemaResult,
  SealedCookieOptions,
  SessionEvent,
  SessionOptions,
  StandardSchema,
} from "./options.js";
export type { Committed, Session } from "./session.js";
export {
  sessions,
  type OpenSessions,
  type SessionDefinitions,
  type Sessions,
  type SessionsOf,
} from "./sessions.js";
