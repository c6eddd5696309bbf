/**
 * A place that removes by itself what has expired does so this much later, in milliseconds: clocks of two machines differ, and
 * a session must not go before its time.
 */
const GRACE = 60 * 60 * 1000;

/** How long a place must keep what expires then, in milliseconds; `null` for ever. Both times are of one clock. */
export function keptFor(expiresAt: number | null, now: number): number | null {
  return expiresAt === null ? null : Math.max(0, expiresAt - now) + GRACE;
}
