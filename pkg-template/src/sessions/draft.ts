import { invalid } from "../options.js";
import { encode } from "./json.js";
import { merge } from "./merge.js";

/** What a function given to `update` is. */
export type Update<T> = (value: T | undefined) => T;

/** A change, such that it can be made again on another value. */
type Step<T> =
  { readonly update: Update<T> } | { readonly before: string | undefined; readonly after: string };

/** What a schema makes of a JSON text; of none, nothing. */
export type Revive<T> = (text: string | undefined) => PromiseLike<T | undefined>;

/** What a request makes of a session, as the changes that lead from what was loaded to what it is. */
export class Draft<T> {
  #value: T | undefined;
  /** Whether somebody else has the value, and may change it. To look costs an encoding. */
  #isOut = false;
  /** The JSON that the steps begin from, and that to which they lead. */
  #origin: string | undefined;
  #reached: string | undefined;
  #steps: Step<T>[] = [];
  /** Values that somebody has got, and that others' changes have been put in the place of; each with its JSON. */
  readonly #replaced: { readonly value: T; text: string }[] = [];
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
    try {
      return this.#updated(update, this.#isOut ? (parse(before) as T | undefined) : this.#value);
    } catch (error) {
      if (!this.#isOut) this.#value = parse(before) as T | undefined;
      throw error;
    }
  }

  /** The same where only a schema can make the value of its JSON. */
  async updateRevived(update: Update<T>, revive: Revive<T>): Promise<T> {
    for (;;) {
      const before = this.reach();
      const copy = await revive(before);
      // Somebody else in this request may have been faster.
      if (this.reach() === before) return this.#updated(update, copy);
    }
  }

  #updated(update: Update<T>, from: T | undefined): T {
    const value = apply(update, from);
    this.#reached = encode(value, this.#custom);
    this.#steps.push({ update });
    this.set(value);
    return value;
  }

  /** Notices what was set or mutated; answers the JSON of what the session is now. */
  reach(): string | undefined {
    if (this.#isOut && this.#value !== undefined) {
      const after = encode(this.#value, this.#custom);
      if (after !== this.#reached) this.#steps.push({ before: this.#reached, after });
      this.#reached = after;
    }
    for (const replaced of this.#replaced) this.#take(replaced);
    return this.#reached;
  }

  /** Whoever holds a value from before may still change it. */
  #take(replaced: { readonly value: T; text: string }): void {
    const before = replaced.text;
    const after = encode(replaced.value, this.#custom);
    if (after === before) return;
    replaced.text = after;
    this.#steps.push({ before, after });
    const value = merge(parse(before), parse(after), parse(this.#reached)) as T;
    const text = encode(value, this.#custom);
    this.#replace(value, text);
    this.#reached = text;
  }

  /** Goes on with a value of the draft's own. What somebody holds is not changed: it may be in use elsewhere too. */
  #replace(value: T, text: string): void {
    const held = this.#value;
    if (this.#isOut && typeof held === "object" && held !== null) {
      this.#replaced.push({ value: held, text: this.#reached ?? text });
    }
    this.#value = value;
    this.#isOut = false;
  }

  /** How many changes there are, after {@link reach}. */
  get changes(): number {
    return this.#steps.length;
  }

  /** The changes made to what others have stored meanwhile. */
  onTopOf(stored: string | undefined): string | undefined {
    const replay = this.#replay(stored);
    let next = replay.next();
    while (next.done !== true) next = replay.next(parse(next.value) as T | undefined);
    return next.value;
  }

  /** The same where only a schema can make values of their JSON. What is changed meanwhile is not among it. */
  async onTopOfRevived(stored: string | undefined, revive: Revive<T>): Promise<string | undefined> {
    const replay = this.#replay(stored);
    let next = replay.next();
    while (next.done !== true) next = replay.next(await revive(next.value));
    return next.value;
  }

  /** Yields each text of which an `update` needs the value. */
  *#replay(stored: string | undefined): Generator<string | undefined, string | undefined, T | undefined> {
    if (stored === this.#origin) return this.#reached;
    let text = stored;
    for (const step of [...this.#steps]) {
      const value: unknown =
        "update" in step
          ? apply(step.update, yield text)
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
    } else if (this.#steps.length > 0 || !this.#is(reached) || (this.#custom && this.#isOut)) {
      // What a schema has made cannot be merged: whoever holds it goes on with it, and what others wrote is there already.
      this.#origin = reached;
    } else {
      this.#replace(value ?? (parse(text) as T), text);
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
