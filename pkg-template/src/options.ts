import { toMillis } from "./duration.js";
import { SessionError } from "./error.js";
import { isWellFormed } from "./id.js";
import type { Duration, StorageOptions, WriteOptions } from "./types.js";
import { core } from "./wasm.js";

/** Timeouts as the core takes them: NaN keeps what was, Infinity is none. */
export function timeoutNumber(timeout: Duration | null | undefined, option: string): number {
  if (timeout === undefined) return NaN;
  return timeout === null ? Infinity : toMillis(timeout, option);
}

/** A write's options as the core takes them, all checked. */
export type CheckedWriteOptions = [
  idle: number,
  absolute: number,
  ifAbsent: boolean,
  ifRevision: string | undefined,
  tagged: boolean,
];

export function checkWriteOptions(options: WriteOptions = {}): CheckedWriteOptions {
  checkObject(options);
  const { idleTimeout, absoluteTimeout, ifRevision, tags } = options;
  return [
    timeoutNumber(idleTimeout, "idleTimeout"),
    timeoutNumber(absoluteTimeout, "absoluteTimeout"),
    ifRevision === null,
    ifRevision == null ? undefined : checkRevision(ifRevision),
    placeTags(tags),
  ];
}

export function checkRevision(revision: unknown): string {
  if (typeof revision !== "string") throw invalid("ifRevision must be a revision's string, or null");
  return revision;
}

/** Hands tags to the core for the next write; says whether there are any to hand. */
export function placeTags(tags: unknown): boolean {
  if (tags === undefined) return false;
  if (!Array.isArray(tags)) throw invalid("tags must be an array of strings");
  const checked = Array.from(tags as unknown[], checkTag);
  core().clearTags();
  for (const tag of checked) core().addTag(tag);
  return true;
}

export function checkTag(tag: unknown): string {
  if (typeof tag !== "string" || !isWellFormed(tag)) throw invalid("a tag must be a string of valid Unicode");
  return tag;
}

/** A signal, or an error if it is something else. */
export function checkSignal(options: WriteOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  if (signal === undefined) return undefined;
  if (typeof signal === "object" && signal !== null && "aborted" in signal) return signal;
  throw invalid("signal must be an AbortSignal");
}

/** A storage's options as the core takes them, all checked: Infinity is none. */
export interface CheckedStorageOptions {
  readonly idle: number;
  readonly absolute: number;
  readonly sessionBytes: number;
  readonly clock: () => number;
}

export function checkStorageOptions(options: StorageOptions): CheckedStorageOptions {
  checkObject(options);
  const { idleTimeout, absoluteTimeout, clock = Date.now } = options;
  if (typeof clock !== "function") throw invalid("clock must be a function");
  return {
    idle: timeoutNumber(idleTimeout ?? null, "idleTimeout"),
    absolute: timeoutNumber(absoluteTimeout ?? null, "absoluteTimeout"),
    sessionBytes: checkLimit(options.maxSessionBytes, "maxSessionBytes"),
    clock,
  };
}

export function checkLimit(limit: unknown, option: string): number {
  if (limit === undefined) return Infinity;
  if (typeof limit === "number" && limit >= 1 && Number.isInteger(limit)) return limit;
  throw invalid(`${option} must be a whole number of at least 1; leave it out for no limit`);
}

export function checkObject(options: unknown): asserts options is object {
  if (typeof options !== "object" || options === null) throw invalid("options must be an object");
}

export function invalid(message: string): SessionError {
  return new SessionError("ERR_SESSION_INVALID_OPTION", message);
}
