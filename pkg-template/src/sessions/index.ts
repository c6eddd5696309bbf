export {
  cookie,
  header,
  type RequestHeaders,
  type SentHeader,
  type SessionDefinition,
} from "./definition.js";
export type { FetchHandler } from "./fetch.js";
export type { NodeMiddleware, NodeOptions, NodeRequest, NodeResponse } from "./node.js";
export type {
  CookieOptions,
  InvalidSession,
  SchemaResult,
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
