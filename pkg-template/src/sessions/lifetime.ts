import { toMillis } from "../duration.js";
import type { Duration, SessionInfo, WriteOptions } from "../types.js";
import type { SessionOptions } from "./options.js";

/** When a session ends that is written or touched now. */
export function expiry(info: SessionInfo, now: number): { expiresAt?: number } {
  const { idleTimeout = Infinity, absoluteTimeout = Infinity, createdAt } = info;
  const expiresAt = Math.min(now + idleTimeout, createdAt + absoluteTimeout);
  return expiresAt === Infinity ? {} : { expiresAt };
}

/** The timeouts for another id: the session lives on no longer than it would have under the old one. */
export function remaining(info: SessionInfo, now: number): WriteOptions {
  const { idleTimeout = null, absoluteTimeout, createdAt } = info;
  if (absoluteTimeout === undefined) return { idleTimeout, absoluteTimeout: null };
  return { idleTimeout, absoluteTimeout: Math.max(1, createdAt + absoluteTimeout - now) };
}

/** How long the client need keep its ticket, in milliseconds. */
export function ticketLifetime(
  info: SessionInfo,
  options: SessionOptions<any>,
  now: number,
): number | undefined {
  const absolute = info.absoluteTimeout ?? millis(options.absoluteTimeout) ?? Infinity;
  const idle = options.rolling === true ? (info.idleTimeout ?? millis(options.idleTimeout)) : undefined;
  const shorter = Math.min(absolute - (now - info.createdAt), idle ?? Infinity);
  return shorter === Infinity ? undefined : shorter;
}

/** Whether activity is to be noted: not each time, and not where that would lengthen nothing. */
export function isTouchDue(info: SessionInfo, touchAfter: number | undefined, now: number): boolean {
  const { idleTimeout, expiresAt, absoluteTimeout = Infinity, createdAt } = info;
  if (idleTimeout === undefined || expiresAt === undefined) return false;
  if (expiresAt >= createdAt + absoluteTimeout) return false;
  return now - (expiresAt - idleTimeout) >= (touchAfter ?? Math.min(idleTimeout / 10, 60_000));
}

export function millis(timeout: Duration | null | undefined): number | undefined {
  return timeout == null ? undefined : toMillis(timeout, "timeout");
}
