import { withTimeout, Patience } from "./timeout.js";

/** What changes a session, whose id comes first, or any. */
const CHANGES = new Set(["write", "set", "touch", "invalidate", "invalidateTagged"]);

type Method = (...given: unknown[]) => unknown;

/**
 * A storage, each of whose calls answers within a time or fails. A call of its own of which nobody knows the outcome may still
 * come to an end, and change what was read meanwhile.
 *
 * @param changed is told of such an end, with the session's id
 */
export function timed<T extends object>(storage: T, millis: number, changed: (id?: string) => void): T {
  const called = (name: string, method: Method, given: unknown[]): unknown => {
    if (name === "listTagged") {
      const steps = method.apply(storage, given) as AsyncIterable<unknown> | undefined;
      return steps?.[Symbol.asyncIterator] === undefined ? steps : timedSteps(steps, millis);
    }
    const patience = new Patience(millis);
    let args = given;
    // Whoever works with the channel may take as long as they like.
    if (name === "read") {
      const consumer = given[1] as Method;
      const consume: Method = (channel, info) => {
        patience.stop();
        return consumer(channel instanceof ReadableStream ? timedRead(channel, millis) : channel, info);
      };
      args = [given[0], consume];
    } else if (name === "write") {
      const provider = given[1] as Method;
      const provide: Method = async (channel) => {
        patience.stop();
        try {
          await provider(channel instanceof WritableStream ? timedWrite(channel, millis) : channel);
        } finally {
          patience.start();
        }
      };
      args = [given[0], provide, ...given.slice(2)];
    }
    const answer = Promise.resolve(method.apply(storage, args));
    if (CHANGES.has(name)) {
      const id = name === "invalidateTagged" ? undefined : (given[0] as string);
      const ended = (): void => {
        if (patience.isOver) changed(id);
      };
      answer.then(ended, ended);
    }
    return withTimeout(answer, millis, patience);
  };
  return new Proxy(storage, {
    get(_, name) {
      const value: unknown = Reflect.get(storage, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => called(String(name), value as Method, given);
    },
  });
}

/** Each piece comes in time. */
function timedRead(channel: ReadableStream, millis: number): ReadableStream {
  const reader = channel.getReader() as ReadableStreamDefaultReader<unknown>;
  const source: UnderlyingDefaultSource<unknown> = {
    async pull(controller) {
      const { done, value } = await withTimeout(reader.read(), millis);
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  };
  // Nothing is read ahead.
  return new ReadableStream(source, { highWaterMark: 0 });
}

/** Each piece is taken in time. */
function timedWrite(channel: WritableStream, millis: number): WritableStream {
  const writer = channel.getWriter() as WritableStreamDefaultWriter<unknown>;
  return new WritableStream({
    write: (piece) => withTimeout(writer.write(piece), millis),
    close: () => withTimeout(writer.close(), millis),
    abort: (reason) => writer.abort(reason),
  });
}

async function* timedSteps(steps: AsyncIterable<unknown>, millis: number): AsyncGenerator {
  const iterator = steps[Symbol.asyncIterator]();
  for (;;) {
    const step = await withTimeout(iterator.next(), millis);
    if (step.done === true) return;
    yield step.value;
  }
}
