import type { SessionStorage, WriteOptions } from "../types.js";
import { different, equal, equalBytes, truth } from "./assertions.js";
import { drain, eachChunk, fill, nextOf, pattern, utf8 } from "./bytes.js";
import { turns } from "./clock.js";
import { OpenWrite } from "./flight.js";
import { when, type Rule } from "./rule.js";
import type { Trial } from "./trial.js";

const old = "what was there before";

/** Runs a write that must fail, once over a session and once where there is none, and looks at what is left. */
async function leavesAsItWas(
  t: Trial,
  attempt: (storage: SessionStorage, id: string) => Promise<void>,
  why: string,
): Promise<void> {
  const storage = await t.open();
  const existing = t.id();
  const revision = await t.put(storage, existing, old);
  await attempt(storage, existing);
  await t.holds(storage, existing, old, `${why}, over a session`);
  equal((await t.infoOf(storage, existing)).revision, revision, `${why}: the revision`);
  const missing = t.id();
  await attempt(storage, missing);
  await t.gone(storage, missing, `${why}, where no session is`);
  await t.put(storage, existing, "next");
  await t.holds(storage, existing, "next", `${why}: the next write`);
  await t.put(storage, missing, "next");
  await t.holds(storage, missing, "next", `${why}: the next write where no session was`);
}

export const atomicity: Rule = (can) => ({
  C1_a_provider_that_throws_leaves_the_session_as_it_was: async (t) => {
    const reason = new Error("the provider's own");
    await leavesAsItWas(
      t,
      (storage, id) =>
        t.passesOn(
          reason,
          () =>
            storage.write(id, () => {
              throw reason;
            }),
          "write()",
        ),
      "after a provider threw at once",
    );
  },

  C1_a_provider_that_rejects_midway_leaves_the_session_as_it_was: async (t) => {
    const reason = new Error("the provider's own");
    await leavesAsItWas(
      t,
      async (storage, id) => {
        const write = await OpenWrite.begin(storage, id);
        await write.send("half of");
        await t.passesOn(reason, () => write.fail(reason), "write()");
      },
      "after a provider rejected midway",
    );
  },

  C1_any_reason_of_a_provider_is_passed_on_as_it_is: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, old);
    for (const reason of [
      undefined,
      null,
      0,
      "a string",
      Symbol("reason"),
      { code: "ERR_SESSION_NOT_FOUND" },
    ]) {
      await t.passesOn(reason, () => storage.write(id, () => Promise.reject(reason)), "write()");
    }
    await t.holds(storage, id, old, "after the failures");
  },

  C1_a_provider_that_throws_after_it_closed_leaves_the_session_as_it_was: async (t) => {
    const reason = new Error("too late");
    await leavesAsItWas(
      t,
      (storage, id) =>
        t.passesOn(
          reason,
          () =>
            storage.write(id, async (channel) => {
              const writer = channel.getWriter();
              await writer.write(utf8("whole"));
              await writer.close();
              throw reason;
            }),
          "write()",
        ),
      "after a provider closed and then threw",
    );
  },

  C1_a_provider_that_aborts_its_channel_leaves_the_session_as_it_was: async (t) => {
    const reason = new Error("given up");
    await leavesAsItWas(
      t,
      (storage, id) =>
        t.passesOn(
          reason,
          () =>
            storage.write(id, async (channel) => {
              const writer = channel.getWriter();
              await writer.write(utf8("half of"));
              await writer.abort(reason);
            }),
          "write()",
        ),
      "after a provider aborted",
    );
  },

  C1_an_abort_that_nobody_awaits_counts_too: async (t) => {
    const reason = new Error("given up");
    await leavesAsItWas(
      t,
      (storage, id) =>
        t.passesOn(
          reason,
          () =>
            storage.write(id, (channel) => {
              const writer = channel.getWriter();
              void writer.write(utf8("half of")).catch(() => {});
              void writer.abort(reason).catch(() => {});
            }),
          "write()",
        ),
      "after a provider aborted and returned",
    );
  },

  C1_half_a_write_is_never_seen: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const whole = pattern(40_000, 3);
    const write = await OpenWrite.begin(storage, id);
    await write.send(whole.subarray(0, 20_000));
    await turns();
    await t.gone(storage, id, "in the middle of the first write");
    await write.send(whole.subarray(20_000));
    await write.writer.close();
    await turns();
    await t.gone(storage, id, "while the provider still runs, though it has closed");
    await write.end();
    await t.holds(storage, id, whole, "once the write resolved");

    const second = await OpenWrite.begin(storage, id);
    await second.send("something else");
    await turns();
    await t.holds(storage, id, whole, "in the middle of the second write");
    await second.end();
    await t.holds(storage, id, "something else", "once the second write resolved");
  },

  C1_a_long_session_overwritten_by_a_short_one_leaves_nothing_behind: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, pattern(100_000));
    await t.put(storage, id, "short");
    await t.holds(storage, id, "short", "after the overwrite");
    await t.put(storage, id, "");
    await t.holds(storage, id, "", "after an overwrite with nothing");
  },

  C1_a_provider_may_use_its_buffer_again: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const buffer = new Uint8Array(1_000);
    await storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      for (let round = 1; round <= 3; round += 1) {
        buffer.fill(round);
        await writer.write(buffer);
      }
      buffer.fill(9);
    });
    buffer.fill(9);
    const stored = await t.take(storage, id);
    equal(stored.byteLength, 3_000, "the length");
    for (const [at, byte] of [
      [0, 1],
      [999, 1],
      [1_000, 2],
      [2_999, 3],
    ] as const) {
      equal(stored[at], byte, `the byte at ${at}: a chunk must be copied before its write resolves`);
    }
  },

  C1_what_a_reader_changes_is_not_the_session: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(5_000);
    await t.put(storage, id, content);
    await storage.read(id, async (channel) => {
      await eachChunk(nextOf(channel.getReader()), (chunk) => void chunk.fill(0));
    });
    await t.holds(storage, id, content, "after a reader wrote over its chunks");
  },

  C1_a_signal_aborted_before_the_write_gives_it_up: async (t) => {
    const reason = new Error("gone away");
    await leavesAsItWas(
      t,
      async (storage, id) => {
        let called = false;
        const options: WriteOptions = { signal: AbortSignal.abort(reason) };
        const provider = (): void => {
          called = true;
        };
        await t.passesOn(reason, () => storage.write(id, provider, options), "write()");
        truth(!called, "the provider was called though the signal had been aborted");
      },
      "after a signal aborted before",
    );
  },

  C1_a_signal_aborted_during_the_write_gives_it_up_at_once: async (t) => {
    const reason = new Error("gone away");
    const latecomers: Promise<unknown>[] = [];
    await leavesAsItWas(
      t,
      async (storage, id) => {
        const controller = new AbortController();
        const write = await OpenWrite.begin(storage, id, { signal: controller.signal });
        await write.send("half of");
        controller.abort(reason);
        // The provider is still waiting, so it is the signal alone that ends the write.
        await t.passesOn(reason, () => write.result, "write()");
        latecomers.push(t.rejects(() => write.send("the rest"), "writing after the signal"));
        await Promise.all(latecomers);
        write.end().catch(() => {});
        await turns();
      },
      "after a signal aborted during",
    );
  },

  C1_a_provider_that_fails_after_its_signal_troubles_nobody: async (t) => {
    const reason = new Error("gone away");
    await leavesAsItWas(
      t,
      async (storage, id) => {
        const controller = new AbortController();
        const write = await OpenWrite.begin(storage, id, { signal: controller.signal });
        controller.abort(reason);
        await t.passesOn(reason, () => write.result, "write()");
        write.fail(new Error("later")).catch(() => {});
        await turns();
      },
      "after a provider failed behind its signal",
    );
  },

  C1_a_signal_aborted_after_the_write_changes_nothing: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const controller = new AbortController();
    const revision = await t.put(storage, id, "whole", { signal: controller.signal });
    controller.abort(new Error("too late"));
    await turns();
    await t.holds(storage, id, "whole", "after a late signal");
    different(await t.put(storage, id, "next"), revision, "the next write's revision");
  },

  C1_a_signal_without_a_reason_rejects_with_its_abort_error: async (t) => {
    const storage = await t.open();
    const controller = new AbortController();
    const write = await OpenWrite.begin(storage, t.id(), { signal: controller.signal });
    controller.abort();
    await t.passesOn(controller.signal.reason, () => write.result, "write()");
    write.end().catch(() => {});
  },

  C1_writes_at_once_of_one_session_never_mix: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const first = await OpenWrite.begin(storage, id);
    const second = await OpenWrite.begin(storage, id);
    for (let round = 0; round < 3; round += 1) {
      await first.send(pattern(3_000, 1));
      await second.send(pattern(4_000, 2));
    }
    await second.end();
    equal((await t.take(storage, id)).byteLength, 12_000, "the length once the second had ended");
    await first.end();
    const stored = await t.take(storage, id);
    equal(stored.byteLength, 9_000, "the length once the first had ended");
    for (let round = 0; round < 3; round += 1) {
      const piece = stored.subarray(round * 3_000, (round + 1) * 3_000);
      equalBytes(piece, pattern(3_000, 1), `piece ${round}`);
    }
  },

  C1_a_failed_write_does_not_disturb_another_of_the_same_session: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const good = await OpenWrite.begin(storage, id);
    const bad = await OpenWrite.begin(storage, id);
    await good.send("good ");
    await bad.send("bad");
    const reason = new Error("bad");
    await t.passesOn(reason, () => bad.fail(reason), "the bad write");
    await good.send("end");
    await good.end();
    await t.holds(storage, id, "good end", "after the good write");
  },

  ...when(can.wholeValues, {
    C1_an_iterable_that_throws_leaves_the_session_as_it_was: async (t) => {
      const reason = new Error("the iterable's own");
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield utf8("half of");
        await Promise.resolve();
        throw reason;
      }
      await leavesAsItWas(
        t,
        (storage, id) => t.passesOn(reason, () => t.builtIn(storage).set(id, broken()), "set()"),
        "after an iterable threw",
      );
    },

    C1_a_stream_that_errors_leaves_the_session_as_it_was: async (t) => {
      const reason = new Error("the stream's own");
      await leavesAsItWas(
        t,
        (storage, id) => {
          let pulls = 0;
          const source = new ReadableStream<Uint8Array>({
            pull(controller) {
              pulls += 1;
              if (pulls < 3) controller.enqueue(utf8("half of"));
              else controller.error(reason);
            },
          });
          return t.passesOn(reason, () => t.builtIn(storage).set(id, source), "set()");
        },
        "after a stream errored",
      );
    },

    C1_set_heeds_its_signal: async (t) => {
      const reason = new Error("gone away");
      await leavesAsItWas(
        t,
        async (storage, id) => {
          const signal = AbortSignal.abort(reason);
          await t.passesOn(
            reason,
            () => t.builtIn(storage).set(id, "whole", { signal }),
            "set() of a string",
          );
          await t.passesOn(reason, () => t.builtIn(storage).setJson(id, {}, { signal }), "setJson()");
          const controller = new AbortController();
          const source = new ReadableStream<Uint8Array>({
            start: (queue) => queue.enqueue(utf8("a piece")),
            pull: () => new Promise<void>(() => {}),
          });
          const writing = t.builtIn(storage).set(id, source, { signal: controller.signal });
          writing.catch(() => {});
          await turns();
          controller.abort(reason);
          await t.passesOn(reason, () => writing, "set() of a stream that stands still");
        },
        "after a signal",
      );
    },

    C1_changing_a_value_after_set_does_not_change_the_session: async (t) => {
      const storage = await t.openBuiltIn();
      const content = pattern(2_000);
      const view = content.slice();
      const buffer = content.slice().buffer;
      const chunk = content.slice();
      const ids = [t.id(), t.id(), t.id()] as const;
      await storage.set(ids[0], view);
      await storage.set(ids[1], buffer);
      async function* once(): AsyncGenerator<Uint8Array> {
        yield chunk;
      }
      await storage.set(ids[2], once());
      view.fill(0);
      new Uint8Array(buffer).fill(0);
      chunk.fill(0);
      await t.holds(storage, ids[0], content, "a Uint8Array");
      await t.holds(storage, ids[1], content, "an ArrayBuffer");
      await t.holds(storage, ids[2], content, "an iterable's chunk");
    },

    C1_changing_what_get_gave_does_not_change_the_session: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      const content = pattern(2_000);
      await storage.set(id, content);
      const first = await storage.get(id);
      const second = await storage.get(id);
      first?.data.fill(0);
      truth(second !== undefined, "get() found no session");
      equalBytes(second.data, content, "another caller's value");
      await t.holds(storage, id, content, "the session");
      await storage.set(id, "something else");
      equalBytes(second.data, content, "a value given before an overwrite");
    },

    C1_changing_a_json_value_does_not_change_the_session: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      const value = { user: "ada", rights: ["read"] };
      await storage.setJson(id, value);
      value.rights.push("write");
      const given = await storage.getJson<typeof value>(id);
      given?.rights.push("delete");
      equal(await storage.getJson(id), { user: "ada", rights: ["read"] }, "the session");
    },
  }),

  C1_a_provider_may_pipe_into_its_channel: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(50_000);
    const source = (): ReadableStream<Uint8Array> => {
      let at = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= content.length) return controller.close();
          controller.enqueue(content.slice(at, at + 7_000));
          at += 7_000;
        },
      });
    };
    await storage.write(id, (channel) => source().pipeTo(channel));
    equalBytes(await storage.read(id, drain), content, "piped and closed");
    await storage.write(id, async (channel) => {
      await fill(channel, "before ");
      await source().pipeTo(channel, { preventClose: true });
    });
    equal((await t.take(storage, id)).byteLength, content.length + 7, "piped and left open: the length");
  },
});
