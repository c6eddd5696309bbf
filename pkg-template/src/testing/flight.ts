import type { SessionInfo, SessionStorage, WriteOptions } from "../types.js";
import { collect, utf8 } from "./bytes.js";
import { Gate } from "./clock.js";

/** A write whose provider waits until the case lets it go on. */
export class OpenWrite {
  readonly result: Promise<string>;
  readonly #end = new Gate();
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;

  /** Resolves once the provider runs, and rejects if the storage refuses the write before that. */
  static async begin(storage: SessionStorage, id: string, options?: WriteOptions): Promise<OpenWrite> {
    const entered = new Gate();
    const write = new OpenWrite(storage, id, entered, options);
    await Promise.race([entered.passed, write.result]);
    return write;
  }

  private constructor(storage: SessionStorage, id: string, entered: Gate, options?: WriteOptions) {
    this.result = storage.write(
      id,
      async (channel) => {
        this.#writer = channel.getWriter();
        // The storage may give the write up at any time; the case looks at `result`.
        this.#writer.closed.catch(() => {});
        entered.open();
        await this.#end.passed;
      },
      options,
    );
    this.result.catch(() => {});
  }

  get writer(): WritableStreamDefaultWriter<Uint8Array> {
    if (this.#writer === undefined) throw new Error("the provider has not been called");
    return this.#writer;
  }

  send(content: Uint8Array | string): Promise<void> {
    return this.writer.write(typeof content === "string" ? utf8(content) : content);
  }

  /** The provider returns without closing its channel. */
  end(): Promise<string> {
    this.#end.open();
    return this.result;
  }

  /** The provider throws. */
  fail(reason: unknown): Promise<string> {
    this.#end.fail(reason);
    return this.result;
  }
}

/** A read whose consumer waits until the case lets it go on. */
export class OpenRead {
  readonly result: Promise<void>;
  readonly #end = new Gate();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #info: SessionInfo | undefined;

  static async begin(storage: SessionStorage, id: string): Promise<OpenRead> {
    const entered = new Gate();
    const read = new OpenRead(storage, id, entered);
    await Promise.race([entered.passed, read.result]);
    return read;
  }

  private constructor(storage: SessionStorage, id: string, entered: Gate) {
    this.result = storage.read(id, async (channel, info) => {
      this.#reader = channel.getReader();
      this.#reader.closed.catch(() => {});
      this.#info = info;
      entered.open();
      await this.#end.passed;
    });
    this.result.catch(() => {});
  }

  get info(): SessionInfo {
    if (this.#info === undefined) throw new Error("the consumer has not been called");
    return this.#info;
  }

  /** The next piece, or `undefined` at the end. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) throw new Error("the consumer has not been called");
    const { done, value } = await this.#reader.read();
    return done ? undefined : value;
  }

  rest(): Promise<Uint8Array> {
    return collect(() => this.next());
  }

  end(): Promise<void> {
    this.#end.open();
    return this.result;
  }
}
