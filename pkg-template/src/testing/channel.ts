import { equal, equalBytes, fail, truth } from "./assertions.js";
import { collect, concat, drain, eachChunk, fill, nextOf, pattern, text, utf8 } from "./bytes.js";
import { turns } from "./clock.js";
import { when, type Rule } from "./rule.js";

const MiB = 1024 * 1024;

export const channel: Rule = (can) => ({
  C6_a_provider_need_not_close_its_channel: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await storage.write(id, async (channel) => {
      await channel.getWriter().write(utf8("left locked and open"));
    });
    await t.holds(storage, id, "left locked and open", "a channel left locked");
    await storage.write(id, (channel) => fill(channel, "left ", "open"));
    await t.holds(storage, id, "left open", "a channel left open");
    await storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      await writer.write(utf8("closed"));
      await writer.close();
    });
    await t.holds(storage, id, "closed", "a channel closed");
  },

  C6_a_close_that_nobody_awaits_is_a_close: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await storage.write(id, (channel) => {
      const writer = channel.getWriter();
      void writer.write(utf8("closed by itself"));
      void writer.close();
    });
    await t.holds(storage, id, "closed by itself", "the session");
  },

  C6_writes_that_nobody_awaits_are_stored: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const pieces = Array.from({ length: 100 }, (_, at) => pattern(1 + ((at * 37) % 3_000), at + 1));
    await storage.write(id, (channel) => {
      const writer = channel.getWriter();
      for (const piece of pieces) void writer.write(piece);
    });
    await t.holds(storage, id, concat(pieces), "the session");
  },

  C6_closing_twice_and_writing_after_the_close_is_told_to_the_provider: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      await writer.write(utf8("whole"));
      await writer.close();
      await t.rejects(() => writer.close(), "closing twice");
      // Async, since the writer of Node 20 throws here at once.
      await t.rejects(async () => writer.write(utf8("more")), "writing after the close");
    });
    await t.holds(storage, id, "whole", "a provider that took the error");
    const write = (): Promise<string> =>
      storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        await writer.write(utf8("other"));
        await writer.close();
        await writer.close();
      });
    await t.rejects(write, "a provider that did not take the error");
    await t.holds(storage, id, "whole", "a provider that did not take the error");
    await t.put(storage, id, "next");
    await t.holds(storage, id, "next", "the next write");
  },

  C6_a_channel_kept_past_its_write_is_closed: async (t) => {
    const storage = await t.open();
    const [id, other] = [t.id(), t.id()];
    let kept: WritableStreamDefaultWriter<Uint8Array> | undefined;
    await storage.write(id, async (channel) => {
      kept = channel.getWriter();
      await kept.write(utf8("whole"));
    });
    const late = kept ?? fail("the provider was not called");
    await t.refuses(
      "ERR_SESSION_CLOSED",
      () => late.write(utf8("more")),
      "writing after the provider returned",
    );
    await turns();
    await t.holds(storage, id, "whole", "after the late write");

    let unlocked: WritableStream<Uint8Array> | undefined;
    await storage.write(other, (channel) => {
      unlocked = channel;
    });
    const lateWriter = unlocked?.getWriter() ?? fail("the provider was not called");
    await t.refuses(
      "ERR_SESSION_CLOSED",
      () => lateWriter.write(utf8("more")),
      "writing into a channel left alone",
    );
    await t.holds(storage, other, "", "after the late write");
  },

  C6_a_channel_kept_past_a_failed_write_is_closed: async (t) => {
    const storage = await t.open();
    const id = t.id();
    let kept: WritableStreamDefaultWriter<Uint8Array> | undefined;
    const reason = new Error("the provider's own");
    const write = (): Promise<string> =>
      storage.write(id, async (channel) => {
        kept = channel.getWriter();
        await kept.write(utf8("half"));
        throw reason;
      });
    await t.passesOn(reason, write, "write()");
    const late = kept ?? fail("the provider was not called");
    await t.rejects(() => late.write(utf8("more")), "writing after the provider threw");
    await t.gone(storage, id, "after the late write");
  },

  C6_a_consumer_may_stop_early: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(400_000);
    await t.put(storage, id, content);
    for (let round = 0; round < 30; round += 1) {
      await storage.read(id, () => {});
      await storage.read(id, async (channel) => {
        const reader = channel.getReader();
        await reader.read();
        reader.releaseLock();
      });
      await storage.read(id, async (channel) => {
        await channel.getReader().read();
      });
      await storage.read(id, async (channel) => {
        const reader = channel.getReader();
        await reader.read();
        await reader.cancel(new Error("enough"));
      });
      await storage.read(id, (channel) => channel.cancel());
    }
    await t.holds(storage, id, content, "afterwards");
    equal(await storage.invalidate(id), true, "invalidate() afterwards");
  },

  C6_a_consumer_that_leaves_a_read_pending_ends_it: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, pattern(400_000));
    let pending: Promise<unknown> = Promise.resolve();
    await storage.read(id, (channel) => {
      const reader = channel.getReader();
      const reads = Array.from({ length: 50 }, () => reader.read());
      pending = Promise.allSettled(reads);
    });
    await pending;
    await t.put(storage, id, "next");
    await t.holds(storage, id, "next", "afterwards");
  },

  C6_a_channel_kept_past_its_read_is_closed: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, pattern(400_000));
    const unread = await storage.read(id, (channel) => [channel]);
    const fresh = unread[0]?.getReader() ?? fail("the consumer was not called");
    await t.refuses("ERR_SESSION_CLOSED", () => fresh.read(), "reading a channel kept unread");
    const begun = await storage.read(id, async (channel) => {
      const reader = channel.getReader();
      await reader.read();
      return [reader];
    });
    const late = begun[0] ?? fail("the consumer was not called");
    const readOn = (): Promise<void> => eachChunk(nextOf(late), () => {});
    await t.refuses("ERR_SESSION_CLOSED", readOn, "reading on in a channel kept half read");
    await t.holds(storage, id, pattern(400_000), "afterwards");
  },

  C6_a_small_channel_kept_past_its_read_is_closed: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "so short that it fits into any queue");
    const [kept] = await storage.read(id, async (channel) => {
      await turns(1);
      return [channel];
    });
    const reader = kept?.getReader() ?? fail("the consumer was not called");
    await t.refuses("ERR_SESSION_CLOSED", () => reader.read(), "reading a channel kept unread");
  },

  C6_a_channel_read_to_its_end_stays_ended: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    const [reader] = await storage.read(id, async (channel) => {
      const reader = channel.getReader();
      await eachChunk(nextOf(reader), () => {});
      return [reader];
    });
    equal((await reader?.read())?.done, true, "reading past the end");
  },

  C6_content_passes_byte_for_byte_in_chunks_of_any_size: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(MiB + 12_345, 11);
    for (const size of [1_021, 4_096, 65_536, 65_537, 300_000, content.length]) {
      await storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        for (let at = 0; at < content.length; at += size) await writer.write(content.subarray(at, at + size));
        await writer.close();
      });
      equalBytes(await t.take(storage, id), content, `written in chunks of ${size}`);
    }
  },

  C6_chunks_of_one_byte_and_of_none_are_taken: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(2_000, 12);
    await storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      for (const byte of content) {
        await writer.write(new Uint8Array([byte]));
        await writer.write(new Uint8Array(0));
      }
    });
    await t.holds(storage, id, content, "the session");
  },

  C6_a_provider_that_waits_until_the_channel_is_ready_gets_on: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(2 * MiB, 13);
    await storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      for (let at = 0; at < content.length; at += 65_536) {
        await writer.ready;
        const room = writer.desiredSize;
        truth(
          room !== null && Number.isFinite(room),
          "desiredSize is not finite: nothing holds a provider back",
        );
        // What was not awaited is held back by `ready` alone.
        void writer.write(content.subarray(at, at + 65_536));
      }
    });
    equalBytes(await t.take(storage, id), content, "the session");
  },

  C6_content_is_read_in_every_way: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(500_000, 14);
    await t.put(storage, id, content);
    const response = await storage.read(id, (channel) => new Response(channel).arrayBuffer());
    equalBytes(new Uint8Array(response), content, "read by a Response");
    const piped: Uint8Array[] = [];
    const sink = new WritableStream<Uint8Array>({ write: (chunk) => void piped.push(chunk.slice()) });
    await storage.read(id, (channel) => channel.pipeTo(sink));
    equalBytes(concat(piped), content, "read by pipeTo");
    if (Symbol.asyncIterator in ReadableStream.prototype) {
      const iterated: Uint8Array[] = [];
      await storage.read(id, async (channel) => {
        for await (const chunk of channel as unknown as AsyncIterable<Uint8Array>)
          iterated.push(chunk.slice());
      });
      equalBytes(concat(iterated), content, "read by for await");
    }
    const [left, right] = await storage.read(id, (channel) =>
      Promise.all(channel.tee().map((side) => drain(side))),
    );
    equalBytes(left ?? new Uint8Array(), content, "read by tee, one side");
    equalBytes(right ?? new Uint8Array(), content, "read by tee, the other side");
    await t.put(storage, id, "ünïcödé 🌍");
    equal(await storage.read(id, (channel) => new Response(channel).text()), "ünïcödé 🌍", "read as text");
  },

  C6_a_reader_that_brings_its_own_buffer_is_served_where_the_channel_allows_it: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = pattern(100_000, 15);
    await t.put(storage, id, content);
    await storage.read(id, async (channel) => {
      let reader: ReadableStreamBYOBReader;
      try {
        reader = channel.getReader({ mode: "byob" });
      } catch {
        return;
      }
      let buffer = new ArrayBuffer(7_001);
      const bytes = await collect(async () => {
        const { done, value } = await reader.read(new Uint8Array(buffer));
        if (done || value === undefined) return undefined;
        truth(value.byteLength > 0, "a chunk of 0 bytes before the end");
        buffer = value.buffer as ArrayBuffer;
        return value;
      });
      equalBytes(bytes, content, "read into buffers of 7,001 bytes");
    });
  },

  C6_line_breaks_and_nul_are_content: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const content = "first\nsecond\r\n\u0000third\u2028\ufeff é e\u0301 \ud83c\udf0d";
    await t.put(storage, id, `\ufeff${content}`);
    equal(text((await t.take(storage, id)).subarray(3)), content, "the session");
    await t.put(
      storage,
      id,
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
    );
    equalBytes(
      await t.take(storage, id),
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
      "every byte",
    );
  },

  ...when(can.streams, {
    C6_long_content_comes_in_pieces: async (t) => {
      const storage = await t.open();
      const id = t.id();
      await t.put(storage, id, pattern(4 * MiB));
      let largest = 0;
      await storage.read(id, async (channel) => {
        await eachChunk(nextOf(channel.getReader()), (chunk) => {
          largest = Math.max(largest, chunk.byteLength);
        });
      });
      truth(largest <= 2 * MiB, `of 4 MiB, ${largest} bytes came in one piece`);
    },
  }),

  ...when(can.wholeValues, {
    C6_a_source_is_let_go_when_set_gives_up: async (t) => {
      const storage = await t.openBuiltIn();
      const reason = new Error("gone away");
      const controller = new AbortController();
      let cancelled = false;
      let pulls = 0;
      const source = new ReadableStream<Uint8Array>({
        pull(queue) {
          pulls += 1;
          if (pulls > 1_000) return queue.close();
          queue.enqueue(utf8("piece"));
          controller.abort(reason);
        },
        cancel() {
          cancelled = true;
        },
      });
      const { signal } = controller;
      await t.passesOn(reason, () => storage.set(t.id(), source, { signal }), "set()");
      await turns();
      truth(cancelled, "the stream was not cancelled");
    },
  }),
});
