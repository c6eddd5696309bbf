/** What a failed case throws. Runners that know `expected` and `actual` show their difference. */
export class ConformanceError extends Error {
  override readonly name = "AssertionError";
  readonly code = "ERR_ASSERTION";
  readonly expected: unknown;
  readonly actual: unknown;

  constructor(message: string, details: { expected?: unknown; actual?: unknown; cause?: unknown } = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.expected = details.expected;
    this.actual = details.actual;
  }
}

export function fail(
  message: string,
  details?: { expected?: unknown; actual?: unknown; cause?: unknown },
): never {
  throw new ConformanceError(message, details);
}

export function truth(condition: unknown, message: string): asserts condition {
  if (!condition) fail(message, { expected: true, actual: condition });
}

/** Equal as `Object.is` has it, or as JSON: what the kit compares are plain values. */
export function equal(actual: unknown, expected: unknown, message: string): void {
  if (Object.is(actual, expected)) return;
  if (typeof actual === "object" && typeof expected === "object" && json(actual) === json(expected)) return;
  fail(`${message}: expected ${show(expected)}, got ${show(actual)}`, { expected, actual });
}

export function different(actual: unknown, other: unknown, message: string): void {
  if (Object.is(actual, other)) fail(`${message}: both are ${show(actual)}`, { actual });
}

export function equalBytes(actual: Uint8Array, expected: Uint8Array, message: string): void {
  if (actual.byteLength !== expected.byteLength) {
    fail(`${message}: expected ${expected.byteLength} bytes, got ${actual.byteLength}`, {
      expected: expected.byteLength,
      actual: actual.byteLength,
    });
  }
  for (let at = 0; at < expected.byteLength; at += 1) {
    if (actual[at] !== expected[at]) {
      fail(`${message}: byte ${at} of ${expected.byteLength} is ${actual[at]}, expected ${expected[at]}`, {
        expected: expected[at],
        actual: actual[at],
      });
    }
  }
}

export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null ? (error as { code?: unknown }).code : undefined;
}

/** A value as a message can show it, without calling anything of the value's own. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "function") return "a function";
  if (value instanceof Error) {
    const code = codeOf(value);
    return `${value.name}${typeof code === "string" ? ` (${code})` : ""}`;
  }
  if (typeof value === "object" && value !== null) {
    const text = json(value);
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  }
  return String(value);
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "an object";
  }
}
