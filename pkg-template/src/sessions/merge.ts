/** What stands for a key that is not there. */
const ABSENT = Symbol("absent");

type Data = Record<string, unknown>;

/**
 * Merges by key what two have made of the same JSON value. What only one of them changed is as that one left it; what
 * both changed is as `mine` has it. Objects are merged within; an array is one value.
 */
export function merge(base: unknown, mine: unknown, theirs: unknown): unknown {
  if (isEqual(mine, base)) return theirs;
  if (isEqual(theirs, base) || !isObject(mine) || !isObject(theirs)) return mine;
  if (isObject(base)) return mergeKeys(base, mine, theirs);
  // Both have made an object where there was nothing; in place of another value, mine is another object.
  return base === ABSENT || base === undefined ? mergeKeys({}, mine, theirs) : mine;
}

function mergeKeys(base: Data, mine: Data, theirs: Data): Data {
  const merged: Data = {};
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const value = merge(own(base, key), own(mine, key), own(theirs, key));
    if (value === ABSENT) continue;
    // An assignment to "__proto__" would change the prototype.
    Object.defineProperty(merged, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return merged;
}

function own(data: Data, key: string): unknown {
  return Object.hasOwn(data, key) ? data[key] : ABSENT;
}

function isObject(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two JSON values are the same but for the order of keys. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isEqual(item, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]))
  );
}
