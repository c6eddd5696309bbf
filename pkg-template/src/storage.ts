import { SessionError } from "./error.js";
import { checkId } from "./id.js";
import { checkSignal, checkTag, checkWriteOptions, invalid } from "./options.js";
import type {
  BuiltInStorage,
  SessionData,
  SessionInfo,
  StorageCapabilities,
  StorageStats,
  WriteOptions,
} from "./types.js";
import { core } from "./wasm.js";
import type { Call, CallAll, StorageCore } from "./wasm/sessile.js";
import { decode } from "./window.js";

type Provider = (channel: WritableStream<Uint8Array>) => void | PromiseLike<void>;
type Consumer<R> = (channel: ReadableStream<Uint8Array>, info: SessionInfo) => R | PromiseLike<R>;

/**
 * What the built-in storages share: the Rust core behind promises and web streams. Every method rejects
 * and never throws.
 */
export abstract class CoreStorage implements BuiltInStorage {
  abstract readonly capabilities: StorageCapabilities;

  /** The storage that others of this package stand in front of. */
  static coreOf(storage: CoreStorage): StorageCore {
    return storage.coreStorage();
  }

  /** Made at the first use, so that a constructor needs no wasm. */
  protected abstract coreStorage(): StorageCore;

  async write(id: string, provider: Provider, options?: WriteOptions): Promise<string> {
    checkId(id);
    checkCallback(provider, "a provider");
    const checked = checkWriteOptions(options);
    const signal = checkSignal(options);
    const revision: string = await this.coreStorage().write(id, provider, ...checked, signal);
    return revision;
  }

  async read<R>(id: string, consumer: Consumer<R>): Promise<R> {
    checkId(id);
    checkCallback(consumer, "a consumer");
    const answer: R = await this.coreStorage().read(id, consumer);
    return answer;
  }

  async invalidate(id: string): Promise<boolean> {
    checkId(id);
    const there: boolean = await this.#call("Invalidate", id);
    return there;
  }

  async get(id: string): Promise<{ data: Uint8Array; info: SessionInfo } | undefined> {
    checkId(id);
    const found: { data: Uint8Array; info: SessionInfo } | undefined = await this.#call("Get", id);
    return found;
  }

  async set(id: string, data: SessionData, options?: WriteOptions): Promise<string> {
    checkId(id);
    const whole = typeof data === "string" ? new TextEncoder().encode(data) : wholeBytes(data);
    if (whole === undefined) return this.copy(id, data, options);
    const checked = checkWriteOptions(options);
    checkSignal(options)?.throwIfAborted();
    const revision: string = await this.coreStorage().set(id, whole, ...checked);
    return revision;
  }

  async getJson<T = unknown>(id: string): Promise<T | undefined> {
    const found = await this.get(id);
    if (found === undefined) return undefined;
    try {
      return JSON.parse(decode(found.data)) as T;
    } catch (cause) {
      throw notJson(cause);
    }
  }

  async setJson(id: string, value: unknown, options?: WriteOptions): Promise<string> {
    return this.set(id, toJson(value), options);
  }

  async info(id: string): Promise<SessionInfo | undefined> {
    checkId(id);
    const info: SessionInfo | undefined = await this.#call("Info", id);
    return info;
  }

  async touch(id: string): Promise<boolean> {
    checkId(id);
    const there: boolean = await this.#call("Touch", id);
    return there;
  }

  async sweep(): Promise<number> {
    const removed: number = await this.#callAll("Sweep");
    return removed;
  }

  async stats(): Promise<StorageStats> {
    const stats: StorageStats = await this.#callAll("Stats");
    return stats;
  }

  async *listTagged(tag: string): AsyncGenerator<SessionInfo, void, undefined> {
    const infos: SessionInfo[] = await this.#callAll("ListTagged", checkTag(tag));
    yield* infos;
  }

  async invalidateTagged(tag: string): Promise<number> {
    const count: number = await this.#callAll("InvalidateTagged", checkTag(tag));
    return count;
  }

  async close(): Promise<void> {
    await this.#callAll("Close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Writes from a source of pieces. It is let go where the write fails, though it was never begun. */
  protected async copy(id: string, data: unknown, options?: WriteOptions): Promise<string> {
    try {
      return await this.write(id, copyFrom(data), options);
    } catch (reason) {
      letGo(data, reason);
      throw reason;
    }
  }

  #call<T>(call: keyof typeof Call, id: string): Promise<T> {
    return this.coreStorage().call(core().Call[call], id) as Promise<T>;
  }

  #callAll<T>(call: keyof typeof CallAll, tag = ""): Promise<T> {
    return this.coreStorage().callAll(core().CallAll[call], tag) as Promise<T>;
  }
}

/** The value's JSON, or an error where it has none. What `toJSON` throws is passed on. */
export function toJson(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw invalid("the value has no JSON; a session can be null, but not undefined");
  return json;
}

/** The error for a content that was to be JSON. The parser's own quotes the content: it is not the cause. */
export function notJson(cause: unknown): SessionError {
  const why = cause instanceof SyntaxError ? "syntax" : "not UTF-8";
  return new SessionError("ERR_SESSION_CORRUPT", `the session's content is not JSON (${why})`);
}

/** The bytes of data that is whole already; undefined for what must be streamed. */
export function wholeBytes(data: Exclude<SessionData, string>): Uint8Array | undefined {
  if (ArrayBuffer.isView(data)) {
    // A view of our own: that of the caller may have a length that is code of the caller's.
    const view: ArrayBufferView = data;
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }
  const kind = Object.prototype.toString.call(data);
  if (kind === "[object ArrayBuffer]" || kind === "[object SharedArrayBuffer]") {
    return new Uint8Array(data as ArrayBuffer);
  }
  return undefined;
}

/** A provider that copies from a stream, a blob or an iterable; their failures come back as they are. */
export function copyFrom(data: unknown): Provider {
  if (data instanceof Blob) return (channel) => data.stream().pipeTo(channel);
  if (data instanceof ReadableStream) {
    return (channel) => (data as ReadableStream<Uint8Array>).pipeTo(channel);
  }
  if (typeof data === "object" && data !== null && Symbol.asyncIterator in data) {
    return async (channel) => {
      const writer = channel.getWriter();
      for await (const chunk of data as AsyncIterable<Uint8Array>) await writer.write(chunk);
    };
  }
  throw invalid("data must be bytes, a string, a Blob, a ReadableStream or an async iterable of bytes");
}

/** Nobody waits for it, and its failure is not the caller's: what counts is why the write failed. */
export function letGo(data: unknown, reason: unknown): void {
  const ignore = (): void => {};
  if (data instanceof ReadableStream) {
    if (!data.locked) data.cancel(reason).catch(ignore);
  } else if (typeof data === "object" && data !== null && "return" in data) {
    (data as AsyncGenerator).return(undefined).catch(ignore);
  }
}

function checkCallback(callback: unknown, what: string): void {
  if (typeof callback !== "function") throw invalid(`${what} must be a function`);
}
