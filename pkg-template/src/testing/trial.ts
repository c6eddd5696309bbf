import type { BuiltInStorage, SessionInfo, SessionStorage, WriteOptions } from "../types.js";
import { codeOf, ConformanceError, equal, equalBytes, fail, show, truth } from "./assertions.js";
import { drain, fill, utf8 } from "./bytes.js";
import type { Capabilities, FactoryOptions, StorageFactory } from "./capabilities.js";
import { FakeClock } from "./clock.js";

/** The error codes that a storage may answer with. */
export const CODES = [
  "ERR_SESSION_NOT_FOUND",
  "ERR_SESSION_CONFLICT",
  "ERR_SESSION_INVALID_ID",
  "ERR_SESSION_TOO_LARGE",
  "ERR_SESSION_QUOTA",
  "ERR_SESSION_CORRUPT",
  "ERR_SESSION_CLOSED",
  "ERR_SESSION_UNSUPPORTED",
  "ERR_SESSION_INVALID_OPTION",
  "ERR_SESSION_STORAGE",
] as const;

export type Code = (typeof CODES)[number];

/** One run of one case: its storages, its clock, its ids, and the questions that most cases ask. */
export class Trial {
  readonly can: Capabilities;
  readonly clock = new FakeClock();
  readonly #factory: StorageFactory;
  readonly #opened: SessionStorage[] = [];
  readonly #ids: string[] = [];

  constructor(factory: StorageFactory, can: Capabilities) {
    this.#factory = factory;
    this.can = can;
  }

  options(options: Partial<FactoryOptions> = {}): FactoryOptions {
    return { clock: this.clock.read, ...options };
  }

  async open(options?: Partial<FactoryOptions>): Promise<SessionStorage> {
    return this.keep(await this.#factory(this.options(options)));
  }

  /** Only for cases that stand under `wholeValues`. */
  async openBuiltIn(options?: Partial<FactoryOptions>): Promise<BuiltInStorage> {
    return this.builtIn(await this.open(options));
  }

  builtIn(storage: SessionStorage): BuiltInStorage {
    return storage as BuiltInStorage;
  }

  /** Closes this storage too when the case is over. */
  keep<S extends SessionStorage>(storage: S): S {
    this.#opened.push(storage);
    return storage;
  }

  async reopen(storage: SessionStorage): Promise<SessionStorage> {
    const { reopen } = this.can;
    truth(reopen, "the case needs `reopen`");
    return this.keep(await reopen(storage, this.options()));
  }

  async join(storage: SessionStorage): Promise<SessionStorage> {
    const { join } = this.can;
    truth(join, "the case needs `join`");
    return this.keep(await join(storage, this.options()));
  }

  /** A new id of 32 characters. From here on no error may contain it. */
  id(prefix = ""): string {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const id = prefix + Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return this.secret(id);
  }

  secret(id: string): string {
    this.#ids.push(id);
    return id;
  }

  put(
    storage: SessionStorage,
    id: string,
    content: Uint8Array | string,
    options?: WriteOptions,
  ): Promise<string> {
    return storage.write(id, (channel) => fill(channel, content), options);
  }

  take(storage: SessionStorage, id: string): Promise<Uint8Array> {
    return storage.read(id, drain);
  }

  infoOf(storage: SessionStorage, id: string): Promise<SessionInfo> {
    return storage.read(id, (_channel, info) => info);
  }

  /** The session is there with this content, whichever way it is asked for. */
  async holds(storage: SessionStorage, id: string, content: Uint8Array | string, why: string): Promise<void> {
    const bytes = typeof content === "string" ? utf8(content) : content;
    const streamed = await this.#unless(why, storage.read(id, drain));
    equalBytes(streamed, bytes, `${why}: what read() gave`);
    if (!this.can.wholeValues) return;
    const whole = await this.#unless(why, this.builtIn(storage).get(id));
    truth(whole !== undefined, `${why}: get() found no session`);
    equalBytes(whole.data, bytes, `${why}: what get() gave`);
    const info = await this.#unless(why, this.builtIn(storage).info(id));
    equal(info?.revision, whole.info.revision, `${why}: info() and get() name the revision`);
  }

  /** The session is not there, whichever way it is asked for, and no consumer is called. */
  async gone(storage: SessionStorage, id: string, why: string): Promise<void> {
    let called = false;
    const read = (): Promise<void> =>
      storage.read(id, () => {
        called = true;
      });
    await this.refuses("ERR_SESSION_NOT_FOUND", read, `${why}: read()`);
    truth(!called, `${why}: read() called the consumer`);
    if (!this.can.wholeValues) return;
    const builtIn = this.builtIn(storage);
    equal(await this.#unless(why, builtIn.get(id)), undefined, `${why}: get()`);
    equal(await this.#unless(why, builtIn.getJson(id)), undefined, `${why}: getJson()`);
    equal(await this.#unless(why, builtIn.info(id)), undefined, `${why}: info()`);
    equal(await this.#unless(why, builtIn.touch(id)), false, `${why}: touch()`);
  }

  /** The call rejects, does not throw, with one of these codes, and gives no id away. */
  async refuses(codes: Code | readonly Code[], call: () => unknown, what: string): Promise<Error> {
    const allowed: readonly unknown[] = Array.isArray(codes) ? codes : [codes];
    const error = await this.rejects(call, what);
    if (!allowed.includes(codeOf(error))) {
      fail(`${what}: expected a rejection with ${allowed.join(" or ")}, got ${this.#safe(error)}`, {
        expected: allowed.join(" or "),
        actual: codeOf(error),
        cause: error,
      });
    }
    truth(error instanceof Error, `${what}: the rejection is no Error`);
    truth(error.message.length > 0, `${what}: the error has no message`);
    this.discreet(error, what);
    return error;
  }

  /** The call rejects with this very reason: the callback's own error, neither wrapped nor copied. */
  async passesOn(reason: unknown, call: () => unknown, what: string): Promise<void> {
    const error = await this.rejects(call, what);
    if (!Object.is(error, reason)) {
      fail(`${what}: expected the caller's own error, got ${this.#safe(error)}`, { cause: error });
    }
  }

  /** The call rejects, does not throw; with what is for the case to say. */
  async rejects(call: () => unknown, what: string): Promise<unknown> {
    let answer: unknown;
    try {
      answer = call();
    } catch (error) {
      fail(`${what}: it threw ${this.#safe(error)} where it should reject`, { cause: error });
    }
    let value: unknown;
    try {
      value = await answer;
    } catch (error) {
      return error;
    }
    fail(`${what}: it resolved with ${show(value)} where it should reject`);
  }

  /** C8: neither the error nor what hangs on it names an id of this case. */
  discreet(error: unknown, what: string): void {
    const said = textOf(error, 0);
    for (const id of this.#ids) {
      if (id.length >= 8 && said.includes(id)) fail(`${what}: the error gives the session's id away`);
    }
  }

  async close(): Promise<void> {
    for (const storage of this.#opened.splice(0).reverse()) {
      const { close } = storage as Partial<BuiltInStorage>;
      if (typeof close === "function") await close.call(storage);
      await this.can.discard?.(storage);
    }
  }

  async #unless<T>(why: string, answer: PromiseLike<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      fail(`${why}: ${this.#safe(error)}`, { cause: error });
    }
  }

  #safe(error: unknown): string {
    if (!(error instanceof Error)) return show(error);
    let said = `${show(error)}: ${error.message}`;
    for (const id of this.#ids) if (id.length >= 8) said = said.replaceAll(id, "<id>");
    return said;
  }
}

function textOf(value: unknown, depth: number): string {
  if (depth > 4) return "";
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  const parts: string[] = [];
  if (value instanceof Error) parts.push(String(value), value.stack ?? "");
  for (const key of Object.getOwnPropertyNames(value)) {
    parts.push(key, textOf((value as Record<string, unknown>)[key], depth + 1));
  }
  return parts.join("\n");
}

/** Runs a case; one that hangs fails with its name, and storages are closed either way. */
export async function runTrial(
  factory: StorageFactory,
  can: Capabilities,
  run: (trial: Trial) => Promise<void>,
): Promise<void> {
  const trial = new Trial(factory, can);
  try {
    await within(can.patience, "the case: a call never settled", run(trial));
  } finally {
    await within(can.patience, "closing the storage", trial.close());
  }
}

async function within(patience: number, what: string, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ConformanceError(`${what} within ${patience} ms`));
    }, patience);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // What comes after the limit has nobody to be told.
    work.catch(() => {});
  }
}
