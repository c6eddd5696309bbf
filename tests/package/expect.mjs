// Assertions without a platform's modules.

export function equal(actual, expected, what = "value") {
  if (!Object.is(actual, expected)) {
    throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
  }
}

/** Compares by JSON, which is enough for what the tests keep in sessions. */
export function same(actual, expected, what = "value") {
  equal(JSON.stringify(actual), JSON.stringify(expected), what);
}

export function matches(text, pattern, what = "text") {
  if (typeof text !== "string" || !pattern.test(text)) {
    throw new Error(`${what}: expected ${pattern}, got ${show(text)}`);
  }
}

/** Answers the error that `promise` rejects with. */
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${show(value)}`);
}

function show(value) {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
