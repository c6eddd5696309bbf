import type { Calls, NodeFs } from "./node-fs.js";

type Name = keyof Calls;
type Callback = (error: unknown, result?: unknown) => void;
type Functions = Record<string, (...args: unknown[]) => unknown>;

/** One call of `node:fs` that a job waits for. */
export interface Step {
  readonly name: Name;
  readonly args: readonly unknown[];
}

/** A job of several calls, written once: {@link Runner} makes them at once or lets others work meanwhile. */
export type Job<T> = Generator<Step, T, unknown>;

/** Makes a call, in a {@link Job}. */
export function* call<N extends Name>(name: N, ...args: Calls[N][0]): Generator<Step, Calls[N][1], unknown> {
  return (yield { name, args }) as Calls[N][1];
}

/** Runs jobs over `node:fs` in one of two ways. */
export class Runner {
  readonly #fs: Functions;
  readonly #waiting: Functions;

  constructor(fs: NodeFs) {
    this.#fs = fs as unknown as Functions;
    // Looked up by one name in both forms: to put a name together for each call would cost more than the call.
    this.#waiting = {};
    for (const [name, own] of Object.entries(this.#fs)) {
      if (name.endsWith("Sync")) this.#waiting[name.slice(0, -4)] = own;
    }
  }

  /** Runs a job to its end before it answers. The thread waits for the disk. */
  now<T>(job: Job<T>): T {
    let step = job.next();
    while (step.done !== true) {
      const { name, args } = step.value;
      let result: unknown;
      try {
        result = this.#waiting[name]?.(...args);
      } catch (error) {
        step = job.throw(error);
        continue;
      }
      step = job.next(result);
    }
    return step.value;
  }

  /** Runs a job on the threads of the pool. */
  later<T>(job: Job<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const go = (next: () => IteratorResult<Step, T>): void => {
        let step: IteratorResult<Step, T>;
        try {
          step = next();
        } catch (error) {
          reject(error as Error);
          return;
        }
        if (step.done === true) {
          resolve(step.value);
          return;
        }
        const { name, args } = step.value;
        const done: Callback = (error, result) => {
          go(() => (error === null || error === undefined ? job.next(result) : job.throw(error)));
        };
        this.#fs[name]?.(...args, done);
      };
      go(() => job.next());
    });
  }
}
