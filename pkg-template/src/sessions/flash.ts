import { checkStored } from "./json.js";

/** Messages that wait to be shown, by their kind. */
export type Flash = Readonly<Record<string, readonly string[]>>;

export const NO_FLASH: Flash = {};

/** A change of the messages, such that it can be made again on others. */
type Step =
  | { readonly kind: string; readonly message: string }
  | { readonly kind: string; readonly taken: readonly string[] };

/** What a request makes of the messages, as the changes that lead from what was loaded to what they are. */
export class FlashDraft {
  #base: Flash;
  readonly #steps: Step[] = [];

  constructor(base: Flash) {
    this.#base = base;
  }

  get changes(): number {
    return this.#steps.length;
  }

  add(kind: string, message: string): void {
    this.#steps.push({ kind, message });
  }

  take(kind: string): string[] {
    const taken = listOf(this.onTopOf(this.#base), kind);
    if (taken.length > 0) this.#steps.push({ kind, taken });
    return [...taken];
  }

  /** The first changes made to the messages that others have stored meanwhile. */
  onTopOf(stored: Flash, changes = this.#steps.length): Flash {
    if (changes === 0) return stored;
    const lists = new Map(Object.entries(stored).map(([kind, messages]) => [kind, [...messages]]));
    for (const step of this.#steps.slice(0, changes)) {
      const list = lists.get(step.kind) ?? [];
      lists.set(step.kind, list);
      if ("message" in step) list.push(step.message);
      else for (const message of step.taken) removeFirst(list, message);
    }
    return Object.fromEntries([...lists].filter(([, list]) => list.length > 0));
  }

  /** The first changes are stored. */
  settle(stored: Flash, changes: number): void {
    this.#steps.splice(0, changes);
    this.#base = stored;
  }
}

const FLASH = "$flash";
const VALUE = "$value";

/**
 * A session's JSON as it is stored: the value's own, with the messages as one more key of an object. A value that is no
 * object, has no keys or has one of these two is a key itself, so that each comes back as it was.
 *
 * | value | messages | stored |
 * | --- | --- | --- |
 * | `{"a":1}` | none | `{"a":1}` |
 * | `{"a":1}` | some | `{"a":1,"$flash":{"info":["Saved"]}}` |
 * | `[1]` | some | `{"$value":[1],"$flash":{"info":["Saved"]}}` |
 * | nothing | some | `{"$flash":{"info":["Saved"]}}` |
 * | `{"$flash":1}` | none | `{"$value":{"$flash":1},"$flash":{}}` |
 */
export function join(text: string | undefined, flash: Flash): string {
  const hasFlash = Object.keys(flash).length > 0;
  if (text === undefined) return JSON.stringify({ [FLASH]: flash });
  if (!hasFlash && !mayHaveKeys(text)) return text;
  const value: unknown = JSON.parse(text);
  const isReserved = isObject(value) && (Object.hasOwn(value, FLASH) || Object.hasOwn(value, VALUE));
  if (!hasFlash && !isReserved) return text;
  const isWithin = isObject(value) && !isReserved && Object.keys(value).length > 0;
  return isWithin
    ? `${JSON.stringify(value).slice(0, -1)},"${FLASH}":${JSON.stringify(flash)}}`
    : `{"${VALUE}":${JSON.stringify(value)},"${FLASH}":${JSON.stringify(flash)}}`;
}

/** The value's JSON and the messages in what is stored. Throws `SyntaxError` where there may be messages, and no JSON. */
export function split(stored: string): { readonly text: string | undefined; readonly flash: Flash } {
  const plain = { text: stored, flash: NO_FLASH };
  if (!mayHaveKeys(stored)) return plain;
  const record: unknown = JSON.parse(stored);
  if (!isObject(record) || !Object.hasOwn(record, FLASH)) return plain;
  const { [FLASH]: flash, ...rest } = record;
  if (!isFlash(flash)) return plain;
  const keys = Object.keys(rest);
  if (keys.length === 0) return { text: undefined, flash };
  const isValue = keys.length === 1 && keys[0] === VALUE;
  const value = isValue ? rest[VALUE] : rest;
  // What JSON cannot carry would be another value below.
  checkStored(value);
  return { text: JSON.stringify(value), flash };
}

/** A quick look, for the many that have neither. */
function mayHaveKeys(text: string): boolean {
  return text.includes(`"${FLASH}"`) || text.includes(`"${VALUE}"`);
}

function isFlash(flash: unknown): flash is Flash {
  const isList = (list: unknown): boolean =>
    Array.isArray(list) && list.every((message) => typeof message === "string");
  return isObject(flash) && Object.values(flash).every(isList);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(flash: Flash, kind: string): readonly string[] {
  return Object.hasOwn(flash, kind) ? (flash[kind] ?? []) : [];
}

function removeFirst(list: string[], message: string): void {
  const at = list.indexOf(message);
  if (at >= 0) list.splice(at, 1);
}
