import { isEqual } from "./merge.js";

/**
 * Makes of a JSON value that somebody holds another one, in place, so that whoever changes it later changes what is there now.
 * Says whether that went: a value of another kind, or one that cannot be changed, stays as it is, or as far as it went.
 */
export function become(held: unknown, wanted: unknown): boolean {
  if (Array.isArray(held) && Array.isArray(wanted)) return becomeArray(held, wanted);
  if (!isObject(held) || !isObject(wanted)) return false;
  const own = new Map(Object.entries(held));
  // With its keys in their order.
  const isInOrder = Object.keys(wanted).every((key, index) => Object.keys(held)[index] === key);
  for (const key of own.keys()) {
    if (!(isInOrder && Object.hasOwn(wanted, key)) && !Reflect.deleteProperty(held, key)) return false;
  }
  return Object.entries(wanted).every(([key, value]) => becomeAt(held, key, own.get(key), value));
}

function becomeArray(held: unknown[], wanted: unknown[]): boolean {
  if (!Reflect.set(held, "length", Math.min(held.length, wanted.length))) return false;
  return wanted.every((item, index) => becomeAt(held, String(index), held[index], item));
}

function becomeAt(held: object, key: string, own: unknown, wanted: unknown): boolean {
  const value = isEqual(own, wanted) || become(own, wanted) ? own : wanted;
  // An assignment to "__proto__" would change the prototype.
  return Reflect.defineProperty(held, key, { value, writable: true, enumerable: true, configurable: true });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
