import type { SessionStorage } from "../types.js";
import { codeOf, equal, equalBytes, fail, truth } from "./assertions.js";
import { drain, eachChunk, fill, nextOf, pattern, utf8 } from "./bytes.js";
import { Gate, turns } from "./clock.js";
import { OpenRead, OpenWrite } from "./flight.js";
import { when, type Rule } from "./rule.js";
import { CODES, type Trial } from "./trial.js";

/** Views of bytes within a larger buffer: each must be stored as its own bytes, not the buffer's. */
function viewsOf(content: Uint8Array<ArrayBuffer>): [string, unknown, Uint8Array][] {
  const framed = new Uint8Array(content.length + 32).fill(0xee);
  framed.set(content, 16);
  const { buffer } = framed;
  const views: [string, unknown, Uint8Array][] = [
    ["a subarray", framed.subarray(16, 16 + content.length), content],
    ["a DataView", new DataView(buffer, 16, content.length), content],
    ["an Int8Array", new Int8Array(buffer, 16, content.length), content],
    ["a Uint8ClampedArray", new Uint8ClampedArray(buffer, 16, content.length), content],
    ["a Uint16Array", new Uint16Array(buffer, 16, content.length / 2), content],
    ["an Int32Array", new Int32Array(buffer, 16, content.length / 4), content],
    ["a Float64Array", new Float64Array(buffer, 16, content.length / 8), content],
    ["a BigUint64Array", new BigUint64Array(buffer, 16, content.length / 8), content],
    ["an ArrayBuffer", content.slice().buffer, content],
    ["an empty ArrayBuffer", new ArrayBuffer(0), new Uint8Array(0)],
  ];
  // Buffers of Node are cut from a pool that they share.
  const { Buffer } = globalThis as { Buffer?: { from(text: string): Uint8Array } };
  if (Buffer !== undefined)
    views.push(["a Buffer from the pool", Buffer.from("pooled bytes"), utf8("pooled bytes")]);
  return views;
}

const notBytes: readonly unknown[] = [
  "a string",
  5,
  null,
  undefined,
  {},
  [1, 2, 3],
  true,
  5n,
  Symbol("s"),
  new Blob(),
];

async function works(t: Trial, storage: SessionStorage, why: string): Promise<void> {
  const id = t.id();
  await t.put(storage, id, "works");
  await t.holds(storage, id, "works", why);
  equal(await storage.invalidate(id), true, `${why}: invalidate()`);
}

export const robustness: Rule = (can) => ({
  C11_a_view_is_stored_as_its_own_bytes: async (t) => {
    const storage = await t.open();
    for (const [kind, view, bytes] of viewsOf(pattern(64))) {
      const id = t.id();
      const write = (): Promise<string> =>
        storage.write(id, async (channel) => {
          const writer = channel.getWriter();
          await writer.write(utf8("<"));
          await writer.write(view as Uint8Array);
          await writer.write(utf8(">"));
        });
      const wrapped = new Uint8Array([...utf8("<"), ...bytes, ...utf8(">")]);
      if (can.wholeValues || view instanceof Uint8Array) {
        await write();
        await t.holds(storage, id, wrapped, kind);
        continue;
      }
      // The type of a channel is Uint8Array: a storage of somebody's own may refuse the rest, but not mistake it.
      try {
        await write();
        await t.holds(storage, id, wrapped, kind);
      } catch (error) {
        if (codeOf(error) === "ERR_ASSERTION") throw error;
        await t.gone(storage, id, `${kind}, refused`);
      }
    }
    await works(t, storage, "afterwards");
  },

  C11_a_chunk_that_is_no_bytes_fails_the_write: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    for (const chunk of notBytes) {
      const kind = `a chunk of type ${typeof chunk}`;
      const awaited = (): Promise<string> =>
        storage.write(id, async (channel) => {
          await fill(channel, "half ");
          const writer = channel.getWriter();
          await writer.write(chunk as Uint8Array);
        });
      await t.refuses("ERR_SESSION_INVALID_OPTION", awaited, kind);
      const swallowed = (): Promise<string> =>
        storage.write(id, async (channel) => {
          await channel
            .getWriter()
            .write(chunk as Uint8Array)
            .catch(() => {});
        });
      await t.refuses("ERR_SESSION_INVALID_OPTION", swallowed, `${kind}, whose error the provider swallows`);
      const unawaited = (): Promise<string> =>
        storage.write(id, (channel) => {
          const writer = channel.getWriter();
          writer.write(utf8("half ")).catch(() => {});
          writer.write(chunk as Uint8Array).catch(() => {});
        });
      await t.refuses("ERR_SESSION_INVALID_OPTION", unawaited, `${kind}, not awaited`);
      await t.holds(storage, id, "before", `after ${kind}`);
    }
    await works(t, storage, "afterwards");
  },

  C11_a_callback_that_is_none_is_refused: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    for (const bad of [undefined, null, 5, "a string", {}]) {
      await t.rejects(() => storage.write(id, bad as never), `write() with a provider of type ${typeof bad}`);
      await t.rejects(() => storage.read(id, bad as never), `read() with a consumer of type ${typeof bad}`);
    }
    await t.holds(storage, id, "content", "afterwards");
    await works(t, storage, "afterwards");
  },

  C11_a_provider_may_be_any_thenable: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const reason = new Error("the thenable's own");
    const good: PromiseLike<void> = { then: (resolve) => Promise.resolve().then(resolve) };
    const bad: PromiseLike<void> = {
      then: (_resolve, reject) => Promise.reject(reason).then(undefined, reject),
    };
    await storage.write(id, () => good);
    await t.holds(storage, id, "", "a thenable that resolves");
    await t.passesOn(reason, () => storage.write(id, () => bad), "a thenable that rejects");
    await t.holds(storage, id, "", "a thenable that rejects");
  },

  C11_a_provider_may_use_the_storage: async (t) => {
    const storage = await t.open();
    const [id, other] = [t.id(), t.id()];
    await t.put(storage, id, "before");
    await storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      await writer.write(utf8("outer, "));
      await t.holds(storage, id, "before", "its own session, read within");
      await t.put(storage, other, "another");
      await t.holds(storage, other, "another", "another session, written within");
      await t.put(storage, id, "inner");
      await t.holds(storage, id, "inner", "its own session, written within");
      await storage.invalidate(other);
      await t.gone(storage, other, "another session, invalidated within");
      await writer.write(utf8("whole"));
    });
    await t.holds(storage, id, "outer, whole", "after the outer write");
  },

  C11_a_consumer_may_use_the_storage: async (t) => {
    const storage = await t.open();
    const [id, other] = [t.id(), t.id()];
    const content = pattern(400_000, 3);
    await t.put(storage, id, content);
    await storage.read(id, async (channel) => {
      const reader = channel.getReader();
      const { value } = await reader.read();
      truth(value !== undefined, "the reader got no first piece");
      equalBytes(await storage.read(id, drain), content, "its own session, read within");
      await t.put(storage, id, "overwritten");
      await t.put(storage, other, "another");
      await t.holds(storage, id, "overwritten", "its own session, written within");
      await storage.invalidate(id);
      await t.gone(storage, id, "its own session, invalidated within");
      let length = value.byteLength;
      await eachChunk(nextOf(reader), (chunk) => {
        length += chunk.byteLength;
      });
      equal(length, content.byteLength, "the length read on from the old revision");
    });
    await t.gone(storage, id, "afterwards");
    await t.holds(storage, other, "another", "afterwards");
  },

  C11_reads_and_writes_may_be_nested_deeply: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "start");
    const nest = async (depth: number): Promise<void> => {
      if (depth === 0) return;
      await storage.write(id, async (channel) => {
        await fill(channel, `depth ${depth}`);
        await storage.read(id, () => nest(depth - 1));
      });
    };
    await nest(20);
    await t.holds(storage, id, "depth 20", "afterwards");
  },

  C11_a_slow_session_does_not_hold_up_another: async (t) => {
    const storage = await t.open();
    const [slow, other] = [t.id(), t.id()];
    await t.put(storage, slow, "before");
    const write = await OpenWrite.begin(storage, slow);
    const read = await OpenRead.begin(storage, slow);
    await works(t, storage, "beside a write and a read that stand still");
    await t.put(storage, other, "another");
    await t.holds(storage, slow, "before", "the slow session itself");
    await t.put(storage, slow, "meanwhile");
    await t.holds(storage, slow, "meanwhile", "the slow session itself, written meanwhile");
    await write.send("at last");
    await write.end();
    await read.end();
    await t.holds(storage, slow, "at last", "the slow session");
    await t.holds(storage, other, "another", "the other session");
  },

  C11_many_calls_in_flight_at_once_all_end: async (t) => {
    const storage = await t.open();
    const ids = Array.from({ length: 100 }, () => t.id());
    for (const id of ids) await t.put(storage, id, "before");
    const writes = await Promise.all(ids.map((id) => OpenWrite.begin(storage, id)));
    const reads = await Promise.all(ids.map((id) => OpenRead.begin(storage, id)));
    await Promise.all(writes.map((write) => write.send("after")));
    await Promise.all(writes.reverse().map((write) => write.end()));
    for (const read of reads) equalBytes(await read.rest(), utf8("before"), "a read begun before");
    await Promise.all(reads.map((read) => read.end()));
    for (const id of ids) await t.holds(storage, id, "after", "a session");
  },

  ...when(can.clock && can.timeouts, {
    C11_a_clock_that_throws_leaves_everything_as_it_was: async (t) => {
      const broken = new Error("the clock's own");
      let breaks = false;
      const clock = (): number => {
        if (breaks) throw broken;
        return t.clock.now;
      };
      const storage = await t.open({ clock, idleTimeout: 60_000 });
      const id = t.id();
      await t.put(storage, id, "content");
      breaks = true;
      const calls: (() => Promise<unknown>)[] = [
        () => t.take(storage, id),
        () => t.put(storage, id, "changed"),
        () => t.put(storage, t.id(), "new"),
      ];
      if (can.wholeValues) {
        const builtIn = t.builtIn(storage);
        calls.push(
          () => builtIn.get(id),
          () => builtIn.touch(id),
          () => builtIn.set(id, "changed"),
        );
      }
      for (const [at, call] of calls.entries()) {
        const error = await t.rejects(call, `call ${at} with a clock that throws`);
        if (!Object.is(error, broken)) await t.refuses(CODES, () => Promise.reject(error), `call ${at}`);
      }
      breaks = false;
      await t.holds(storage, id, "content", "with the clock repaired");
      await works(t, storage, "with the clock repaired");
    },

    C11_a_clock_that_tells_no_time_loses_nothing: async (t) => {
      for (const time of [
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        undefined,
        "noon",
        null,
      ]) {
        let wrong = false;
        const clock = (): number => (wrong ? (time as number) : t.clock.now);
        const storage = await t.open({ clock, idleTimeout: 60_000 });
        const [id, other] = [t.id(), t.id()];
        await t.put(storage, id, "content");
        await t.put(storage, other, "content");
        wrong = true;
        const calls = [
          (): Promise<unknown> => t.take(storage, id),
          (): Promise<unknown> => t.put(storage, other, "content"),
        ];
        if (can.wholeValues)
          calls.push(
            () => t.builtIn(storage).touch(id),
            () => t.builtIn(storage).sweep(),
          );
        for (const [at, call] of calls.entries()) {
          try {
            await call();
          } catch (error) {
            await t.refuses(
              CODES,
              () => Promise.reject(error),
              `call ${at} with a clock that says ${String(time)}`,
            );
          }
        }
        wrong = false;
        await t.holds(storage, id, "content", `after a clock that said ${String(time)}`);
        await t.holds(storage, other, "content", `after a clock that said ${String(time)}`);
        t.clock.advance(60_000);
        await t.gone(storage, id, "at its time");
        await works(t, storage, `after a clock that said ${String(time)}`);
      }
    },

    C11_a_clock_may_use_the_storage: async (t) => {
      let within = false;
      let storage: SessionStorage | undefined;
      const id = t.id();
      const calls: Promise<unknown>[] = [];
      // Each call asks the clock again, so the clock stops calling after a while.
      let asked = 0;
      const clock = (): number => {
        if (!within && storage !== undefined && (asked += 1) < 10) {
          within = true;
          const made = [
            storage.read(id, drain),
            t.put(storage, id, "by the clock"),
            storage.invalidate(t.id()),
          ];
          // They are judged below; until then a medium may take many turns.
          for (const call of made) call.catch(() => {});
          calls.push(...made);
          within = false;
        }
        return t.clock.now;
      };
      storage = await t.open({ clock });
      await t.put(storage, id, "content");
      await t.take(storage, id);
      while (calls.length > 0) {
        const settled = await Promise.allSettled(calls.splice(0));
        for (const result of settled) {
          if (result.status === "rejected") {
            await t.refuses(CODES, () => Promise.reject(result.reason), "a call made by the clock");
          }
        }
      }
      await t.put(storage, id, "after");
      await t.holds(storage, id, "after", "a write after a clock that used the storage");
    },
  }),

  ...when(can.wholeValues, {
    C11_after_close_every_call_is_refused: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      await storage.set(id, "content");
      await storage.close();
      const calls: Record<string, () => Promise<unknown>> = {
        write: () => storage.write(id, () => fail("the provider was called")),
        read: () => storage.read(id, () => fail("the consumer was called")),
        invalidate: () => storage.invalidate(id),
        get: () => storage.get(id),
        set: () => storage.set(id, "changed"),
        getJson: () => storage.getJson(id),
        setJson: () => storage.setJson(id, {}),
        info: () => storage.info(id),
        touch: () => storage.touch(id),
        sweep: () => storage.sweep(),
        stats: () => storage.stats(),
        invalidateTagged: () => storage.invalidateTagged("ada"),
        listTagged: async () => {
          for await (const _ of storage.listTagged("ada")) fail("a session was listed");
        },
      };
      for (const [name, call] of Object.entries(calls)) {
        await t.refuses("ERR_SESSION_CLOSED", call, `${name}() after close()`);
      }
      await storage.close();
      if (typeof Symbol.asyncDispose === "symbol") await storage[Symbol.asyncDispose]();
    },

    C11_a_storage_disposed_is_closed: async (t) => {
      const storage = await t.openBuiltIn();
      if (typeof Symbol.asyncDispose !== "symbol") return;
      await storage[Symbol.asyncDispose]();
      await t.refuses("ERR_SESSION_CLOSED", () => storage.get(t.id()), "get() after disposal");
    },

    C11_calls_in_flight_at_close_end: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      await storage.set(id, pattern(400_000));
      const write = await OpenWrite.begin(storage, id);
      const read = await OpenRead.begin(storage, id);
      const closing = storage.close();
      await turns();
      await write.send("late").catch(() => {});
      await write
        .end()
        .catch((error) => t.refuses("ERR_SESSION_CLOSED", () => Promise.reject(error), "the write"));
      await read
        .rest()
        .catch((error) => t.refuses("ERR_SESSION_CLOSED", () => Promise.reject(error), "the reader"));
      await read
        .end()
        .catch((error) => t.refuses("ERR_SESSION_CLOSED", () => Promise.reject(error), "the read"));
      await closing;
      await t.refuses("ERR_SESSION_CLOSED", () => storage.get(id), "get() afterwards");
    },

    C11_a_toJSON_may_use_the_storage: async (t) => {
      const storage = await t.openBuiltIn();
      const [id, other] = [t.id(), t.id()];
      await storage.setJson(id, "before");
      const calls: Promise<unknown>[] = [];
      const value = {
        toJSON() {
          calls.push(storage.getJson(id), storage.setJson(other, "by toJSON"), storage.invalidate(t.id()));
          return { from: "toJSON" };
        },
      };
      await storage.setJson(id, value);
      await Promise.all(calls);
      equal(await storage.getJson(id), { from: "toJSON" }, "the value");
      equal(await storage.getJson(other), "by toJSON", "what was written within");
    },

    C11_an_iterable_may_use_the_storage: async (t) => {
      const storage = await t.openBuiltIn();
      const [id, other] = [t.id(), t.id()];
      await storage.set(id, "before");
      const gate = new Gate();
      async function* pieces(): AsyncGenerator<Uint8Array> {
        yield utf8("one ");
        await t.holds(storage, id, "before", "its own session, read within");
        await storage.set(other, "another");
        gate.open();
        yield utf8("two");
      }
      await storage.set(id, pieces());
      await gate.passed;
      await t.holds(storage, id, "one two", "the session");
      await t.holds(storage, other, "another", "what was written within");
    },
  }),
});
