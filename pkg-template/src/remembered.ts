/** So much is remembered: what clients send again and again. */
const MOST = 10_000;
/** Longer texts are not worth it. */
const LONGEST = 512;

/** What was made of a text at some cost, for when the same one comes again. */
export class Remembered<V> {
  readonly #known = new Map<string, V>();
  readonly #make: (text: string) => V | undefined;

  /** @param make what it answers is kept, unless that is `undefined`: so nobody fills the memory with guesses. */
  constructor(make: (text: string) => V | undefined) {
    this.#make = make;
  }

  of(text: string): V | undefined {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const made = this.#make(text);
    if (made !== undefined && text.length <= LONGEST) {
      // All at once: a rare moment of work in place of a little with each request.
      if (this.#known.size === MOST) this.#known.clear();
      this.#known.set(text, made);
    }
    return made;
  }
}
