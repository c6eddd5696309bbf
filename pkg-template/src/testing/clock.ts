/** A clock that stands still until a case moves it. It starts at an ordinary time of 2023, not at zero. */
export class FakeClock {
  #now = 1_700_000_000_000;
  readonly read = (): number => this.#now;

  get now(): number {
    return this.#now;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** A negative number moves it back. */
  set(now: number): void {
    this.#now = now;
  }
}

/** A promise that a case resolves when it is time: how interleavings are forced. */
export class Gate {
  readonly passed: Promise<void>;
  #open!: () => void;
  #fail!: (reason: unknown) => void;

  constructor() {
    this.passed = new Promise<void>((resolve, reject) => {
      this.#open = resolve;
      this.#fail = reject;
    });
    // A gate may fail when nobody waits at it any more.
    this.passed.catch(() => {});
  }

  open(): void {
    this.#open();
  }

  fail(reason: unknown): void {
    this.#fail(reason);
  }
}

/** Lets everything that is ready to run do so, timers and tasks included. */
export async function turns(count = 2): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setTimeout(resolve, 0));
}
