import { invalid } from "../options.js";
import { encode } from "./json.js";
import { merge } from "./merge.js";

/** What a function given to `update` is. */
export type Update<T> = (value: T | undefined) => T;

/** A change, such that it can be made again on another value. */
type Step<T> =
  { readonly update: Update<T> } | { readonly before: string | undefined; readonly after: string };

/** What a request makes of a session, as the changes that lead from what was loaded to what it is. */
export class Draft<T> {
  #value: T | undefined;
  /** Whether somebody else has the value, and may change it. To look costs an encoding. */
  #isOut = false;
  /** The JSON that the steps begin from, and that to which they lead. */
  #origin: string | undefined;
  #reached: string | undefined;
  #steps: Step<T>[] = [];
  readonly #custom: boolean;

  /** The value is the draft's own from now on. */
  constructor(text: string | undefined, value: T | undefined, custom: boolean) {
    this.#origin = this.#reached = text;
    this.#value = value;
    this.#custom = custom;
  }

  get isEmpty(): boolean {
    return this.#value === undefined;
  }

  /** The value, for somebody who may change it. */
  handOut(): T | undefined {
    this.#isOut = true;
    return this.#value;
  }

  set(value: T): void {
    this.#isOut = true;
    this.#value = value;
  }

  /** Applies a function that can be run again. If it throws, nothing has changed. */
  update(update: Update<T>): T {
    const before = this.reach();
    let value;
    let after;
    try {
      value = apply(update, this.#isOut ? (parse(before) as T | undefined) : this.#value);
      after = encode(value, this.#custom);
    } catch (error) {
      if (!this.#isOut) this.#value = parse(before) as T | undefined;
      throw error;
    }
    this.#reached = after;
    this.#steps.push({ update });
    this.set(value);
    return value;
  }

  /** Notices what was set or mutated; answers the JSON of what the session is now. */
  reach(): string | undefined {
    if (!this.#isOut || this.#value === undefined) return this.#reached;
    const after = encode(this.#value, this.#custom);
    if (after !== this.#reached) this.#steps.push({ before: this.#reached, after });
    return (this.#reached = after);
  }

  /** How many changes there are, after {@link reach}. */
  get changes(): number {
    return this.#steps.length;
  }

  /** The changes made to what others have stored meanwhile. */
  onTopOf(stored: string | undefined): string | undefined {
    if (stored === this.#origin) return this.#reached;
    let text = stored;
    for (const step of this.#steps) {
      const value =
        "update" in step
          ? apply(step.update, parse(text) as T | undefined)
          : merge(parse(step.before), parse(step.after), parse(text));
      text = encode(value, this.#custom);
    }
    return text;
  }

  /**
   * The first changes are stored, as `text`; those made since remain.
   *
   * @param value what a schema has made of `text`, if there is one
   */
  settle(text: string, changes: number, reached: string | undefined, value?: T): void {
    this.#steps.splice(0, changes);
    if (text === reached) {
      this.#origin = text;
    } else if (this.#steps.length > 0 || !this.#is(reached)) {
      this.#origin = reached;
    } else {
      this.#value = value ?? (parse(text) as T);
      this.#isOut = false;
      this.#origin = this.#reached = text;
    }
  }

  #is(text: string | undefined): boolean {
    try {
      return this.#value === undefined || encode(this.#value, this.#custom) === text;
    } catch {
      return false;
    }
  }
}

function parse(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}

function apply<T>(update: Update<T>, value: T | undefined): T {
  const result = update(value);
  if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
    throw invalid("a function for update() must not be async: it runs again when another request was faster");
  }
  return result;
}
