import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { wholeBytes } from "../storage.js";

export type Provider = (channel: WritableStream<Uint8Array>) => void | PromiseLike<void>;
export type Consumer<R, I> = (channel: ReadableStream<Uint8Array>, info: I) => R | PromiseLike<R>;

/**
 * Lets a provider write into a channel, and resolves when all it has written has come to `take`, which gets bytes of its own.
 * Rejects with what the provider, the channel or the signal fails with. Afterwards the channel is closed either way.
 */
export async function provide(
  provider: Provider,
  take: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let given = 0;
  let taken = 0;
  let isOver = false;
  let wake: () => void = () => {};
  let fail: (reason: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => (fail = reject));
  // Whoever waits for it comes later, or never.
  failed.catch(() => {});
  let controller: WritableStreamDefaultController | undefined;
  const channel = new WritableStream<Uint8Array>(
    {
      start(own) {
        controller = own;
        own.signal.addEventListener("abort", () => fail(own.signal.reason));
      },
      async write(chunk) {
        try {
          await take(copyOf(chunk));
        } catch (error) {
          fail(error);
          throw error;
        }
        taken += 1;
        if (taken === given) wake();
      },
      close() {
        isOver = true;
        wake();
      },
      abort: fail,
    },
    {
      highWaterMark: 1,
      // Called with each chunk before it is queued: the only way to know of writes that nobody awaits.
      size: () => {
        given += 1;
        return 1;
      },
    },
  );
  const giveUp = (): void => {
    fail(signal?.reason);
    controller?.error(signal?.reason);
  };
  signal?.addEventListener("abort", giveUp);
  try {
    const provided = (async () => provider(channel))();
    provided.catch(() => {});
    await Promise.race([
      provided,
      failed.catch((reason: unknown) => unlessProviderFails(provided, reason, signal)),
    ]);
    const drained = new Promise<void>((resolve) => {
      wake = () => {
        if (isOver || taken === given) resolve();
      };
    });
    // What was given in this turn is counted, and an abort has told so.
    wake();
    await Promise.race([failed, drained]);
    signal?.throwIfAborted();
  } finally {
    signal?.removeEventListener("abort", giveUp);
    controller?.error(new SessionError("ERR_SESSION_CLOSED", "the write is over, and its channel closed"));
  }
}

/** A provider that meets the failure tells its own reason for ending, unless it was the signal: then nobody waits for it. */
async function unlessProviderFails(
  provided: Promise<void>,
  reason: unknown,
  signal: AbortSignal | undefined,
): Promise<never> {
  if (signal?.aborted !== true) await provided;
  throw reason;
}

/** A copy: the provider may use its buffer again. */
function copyOf(chunk: unknown): Uint8Array {
  const bytes = typeof chunk === "object" && chunk !== null ? wholeBytes(chunk as Uint8Array) : undefined;
  if (bytes === undefined) throw invalid("a session's content is bytes: write a Uint8Array into the channel");
  return bytes.slice();
}

/** Gives a consumer a channel of what `next` gives piece by piece, undefined at the end. Afterwards the channel is closed. */
export async function consume<R, I>(
  consumer: Consumer<R, I>,
  info: I,
  next: () => Promise<Uint8Array | undefined>,
): Promise<R> {
  let controller: ReadableByteStreamController | undefined;
  let isOver = false;
  const channel = new ReadableStream({
    type: "bytes",
    start(own) {
      controller = own;
    },
    async pull(own) {
      const piece = await next();
      if (isOver) return;
      if (piece === undefined) {
        isOver = true;
        own.close();
        own.byobRequest?.respond(0);
      }
      // A copy, since what is enqueued is taken away from whoever else has its buffer.
      else own.enqueue(new Uint8Array(piece));
    },
    cancel() {
      isOver = true;
    },
  });
  try {
    return await consumer(channel, info);
  } finally {
    if (!isOver)
      controller?.error(new SessionError("ERR_SESSION_CLOSED", "the read is over, and its channel closed"));
    isOver = true;
  }
}
