import { Buffer } from "node:buffer";
import { checkLimit, checkObject, checkRevision, checkTag, invalid, timeoutNumber } from "../options.js";
import type { WriteOptions } from "../types.js";

/** A write's options, all checked. */
export interface CheckedWrite {
  readonly idle: number;
  readonly absolute: number;
  readonly ifAbsent: boolean;
  readonly ifRevision: string | undefined;
  readonly tags: readonly string[] | undefined;
}

export function checkWrite(options: WriteOptions = {}): CheckedWrite {
  checkObject(options);
  const { idleTimeout, absoluteTimeout, ifRevision, tags } = options;
  return {
    idle: timeoutNumber(idleTimeout, "idleTimeout"),
    absolute: timeoutNumber(absoluteTimeout, "absoluteTimeout"),
    ifAbsent: ifRevision === null,
    ifRevision: ifRevision == null ? undefined : checkRevision(ifRevision),
    tags: tags === undefined ? undefined : checkTags(tags),
  };
}

function checkTags(tags: unknown): readonly string[] {
  if (!Array.isArray(tags)) throw invalid("tags must be an array of strings");
  const checked = new Set(Array.from(tags as unknown[], checkTag));
  if (checked.size > 64) throw invalid("a session has at most 64 tags");
  for (const tag of checked) checkTagLength(tag);
  return [...checked];
}

export function checkTagLength(tag: string): void {
  if (tag === "") throw invalid("a tag is empty");
  if (tag.length > 341 && Buffer.from(tag).length > 1_024) throw invalid("a tag is longer than 1,024 bytes");
}

export function checkTimeout(timeout: unknown): number {
  const checked = checkLimit(timeout ?? 5_000, "timeout");
  if (checked > 300_000) throw invalid("timeout must be at most 300,000 milliseconds");
  return checked;
}

export function checkPrefix(prefix: unknown = "sessile:"): string {
  if (typeof prefix === "string" && !/[{}]/.test(prefix)) return prefix;
  throw invalid("prefix must be a string without braces");
}

/** The prefix of the sessions to be taken over; undefined for none. */
export function checkConnectRedis(option: unknown): string | undefined {
  if (option === undefined) return undefined;
  checkObject(option);
  const { prefix = "sess:" } = option as { prefix?: unknown };
  if (typeof prefix !== "string") throw invalid("connectRedis.prefix must be a string");
  return prefix;
}
