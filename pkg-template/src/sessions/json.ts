import { invalid } from "../options.js";

/** More nesting than anybody means; recursion stays far from the stack's end. */
const DEEPEST = 200;

/**
 * The value's JSON. What would come back as something else is refused: a session must not lose what it was given.
 *
 * @param custom whether objects may have a JSON of their own (`toJSON`), since a schema makes of it what it was
 */
export function encode(value: unknown, custom: boolean): string {
  if (value === undefined) throw invalid("a session's value cannot be undefined; clear() ends the session");
  check(value, custom, []);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw invalid("the session's value has no JSON");
  return text;
}

/** Throws `SyntaxError` for a value that {@link encode} refuses; others than sessions may have stored its JSON. */
export function checkStored(value: unknown): void {
  try {
    check(value, true, []);
  } catch (cause) {
    throw new SyntaxError("a session cannot hold what is stored", { cause });
  }
}

function check(value: unknown, custom: boolean, within: object[]): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (Number.isFinite(value)) return;
      throw invalid("a session cannot hold NaN or Infinity: JSON would make null of them");
    case "object":
      if (value !== null) checkObject(value, custom, within);
      return;
    default:
      throw invalid(`a session cannot hold a ${typeof value}: it has no JSON`);
  }
}

function checkObject(value: object, custom: boolean, within: object[]): void {
  if (within.includes(value)) throw invalid("a session cannot hold an object that contains itself");
  if (within.length === DEEPEST) throw invalid(`a session cannot be nested deeper than ${DEEPEST}`);
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    if (custom) return;
    throw invalid("a session cannot hold a Date or another object with toJSON, unless a schema restores it");
  }
  within.push(value);
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      if (item === undefined) throw invalid("a session cannot hold an array with undefined in it");
      check(item, custom, within);
    }
  } else {
    if (!isPlain(value))
      throw invalid("a session holds plain objects, arrays and simple values, as JSON does");
    for (const key of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[key];
      // Left out, and undefined again when it is read.
      if (item !== undefined) check(item, custom, within);
    }
  }
  within.pop();
}

/** Whether it is an object as a literal makes it, also one of another realm. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
