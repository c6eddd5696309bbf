import { SessionError } from "./error.js";

/** A timer for longer than this would go off at once. */
const LONGEST = 2 ** 31 - 1;

/** How long an answer may take; it can be stopped while somebody else is at work, and go on with all its time. */
export class Patience {
  /** Rejects when the time is over. */
  readonly end: Promise<never>;
  /** Whether the time was over. */
  isOver = false;

  readonly #millis: number;
  #reject: (error: SessionError) => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSettled = false;

  constructor(millis: number) {
    this.#millis = millis;
    this.end = new Promise((_, reject) => (this.#reject = reject));
    // Nobody may be waiting any more.
    this.end.catch(() => {});
    this.start();
  }

  start(): void {
    if (this.#isSettled || this.#millis > LONGEST) return;
    this.#timer = setTimeout(() => {
      this.isOver = true;
      const message = `no answer after ${this.#millis} ms; what was asked for may have happened or not`;
      this.#reject(new SessionError("ERR_SESSION_STORAGE", message));
    }, this.#millis);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The answer is there: it cannot go on any more. */
  settle(): void {
    this.#isSettled = true;
    this.stop();
  }
}

/** An answer, or `ERR_SESSION_STORAGE` where it takes too long. */
export async function withTimeout<T>(
  answer: T | PromiseLike<T>,
  millis: number,
  patience = new Patience(millis),
): Promise<T> {
  try {
    return await Promise.race([answer, patience.end]);
  } finally {
    patience.settle();
  }
}
