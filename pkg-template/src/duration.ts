import { SessionError } from "./error.js";
import type { Duration } from "./types.js";

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** 100 years. More is a mistake of units, not a wish. */
const LONGEST = 36_500 * 86_400_000;

/** A duration in milliseconds, or an error that names the option. */
export function toMillis(duration: Duration, option: string): number {
  const millis = typeof duration === "number" ? duration : parse(duration);
  if (!(millis > 0 && millis <= LONGEST)) {
    throw new SessionError(
      "ERR_SESSION_INVALID_OPTION",
      `${option} must be more than zero and at most 100 years: milliseconds, or such as "30m" or "7d"`,
    );
  }
  return millis;
}

function parse(duration: unknown): number {
  const parts = typeof duration === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) : null;
  return parts ? Number(parts[1]) * (UNITS[parts[2] ?? ""] ?? NaN) : NaN;
}
