import { equal, equalBytes, truth } from "./assertions.js";
import { drain, pattern, utf8 } from "./bytes.js";
import { OpenRead, OpenWrite } from "./flight.js";
import { when, type Rule } from "./rule.js";

/** More than the queues of a stream hold, so that much is still to come when the session changes. */
const long = pattern(600_000, 7);

export const isolation: Rule = (can) => ({
  C2_a_reader_keeps_its_revision_while_the_session_is_overwritten: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const revision = await t.put(storage, id, long);
    const read = await OpenRead.begin(storage, id);
    equal(read.info.revision, revision, "the revision being read");
    const start = await read.next();
    truth(start !== undefined && start.byteLength > 0, "the reader got no first piece");
    await t.put(storage, id, pattern(700_000, 8));
    await t.put(storage, id, "short");
    const rest = await read.rest();
    equal(start.byteLength + rest.byteLength, long.byteLength, "the length read");
    equalBytes(start, long.subarray(0, start.byteLength), "the first piece");
    equalBytes(rest, long.subarray(start.byteLength), "what was read after the overwrites");
    await read.end();
    await t.holds(storage, id, "short", "the session");
  },

  C2_a_reader_keeps_its_revision_while_the_session_is_invalidated: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, long);
    const read = await OpenRead.begin(storage, id);
    const start = (await read.next()) ?? new Uint8Array();
    equal(await storage.invalidate(id), true, "invalidate()");
    const rest = await read.rest();
    equalBytes(start, long.subarray(0, start.byteLength), "the first piece");
    equalBytes(rest, long.subarray(start.byteLength), "what was read after the invalidation");
    await read.end();
    await t.gone(storage, id, "the session");
  },

  C2_a_reader_that_has_not_begun_to_read_keeps_its_revision_too: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, long);
    const read = await OpenRead.begin(storage, id);
    await t.put(storage, id, "short");
    await storage.invalidate(id);
    await t.put(storage, id, "again");
    equalBytes(await read.rest(), long, "what was read");
    await read.end();
  },

  C2_the_info_belongs_to_the_content: async (t) => {
    const storage = await t.open();
    const id = t.id();
    for (const length of [10, 3_000, 0, 77]) {
      const revision = await t.put(storage, id, pattern(length, length));
      await storage.read(id, async (channel, info) => {
        equal(info.revision, revision, "the revision");
        if (info.byteLength !== undefined) equal(info.byteLength, length, "info.byteLength");
        equal((await drain(channel)).byteLength, length, "the length read");
        truth(Number.isFinite(info.createdAt), "info.createdAt is no time");
        equal(info.tags, [], "info.tags");
        truth(!JSON.stringify(info).includes(id), "the info contains the session's id");
      });
    }
  },

  C2_readers_at_once_do_not_disturb_each_other: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, long);
    const first = await OpenRead.begin(storage, id);
    await first.next();
    await t.put(storage, id, pattern(300_000, 9));
    const second = await OpenRead.begin(storage, id);
    const third = await OpenRead.begin(storage, id);
    await t.put(storage, id, "now");
    equalBytes(await second.rest(), pattern(300_000, 9), "the second reader");
    await second.end();
    await first.end();
    equalBytes(await third.rest(), pattern(300_000, 9), "the third reader, after the others ended");
    await third.end();
  },

  C2_a_read_during_a_write_sees_the_old_or_the_new: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const contents = [pattern(90_000, 1), pattern(70_000, 2)] as const;
    await t.put(storage, id, contents[0]);
    const write = await OpenWrite.begin(storage, id);
    await write.send(contents[1]);
    const reads = Array.from({ length: 5 }, () => storage.read(id, drain));
    const ended = write.end();
    reads.push(...Array.from({ length: 5 }, () => storage.read(id, drain)));
    for (const bytes of await Promise.all(reads)) {
      equalBytes(bytes, bytes.byteLength === 90_000 ? contents[0] : contents[1], "a read during a write");
    }
    await ended;
    equalBytes(await t.take(storage, id), contents[1], "a read after the write");
  },

  ...when(can.clock && can.timeouts, {
    C2_a_reader_keeps_its_revision_while_the_session_expires: async (t) => {
      const storage = await t.open({ idleTimeout: 1_000 });
      const id = t.id();
      await t.put(storage, id, long);
      const read = await OpenRead.begin(storage, id);
      await read.next();
      t.clock.advance(10_000);
      await t.put(storage, t.id(), "another");
      if (can.wholeValues) await t.builtIn(storage).sweep();
      const rest = await read.rest();
      equalBytes(rest.subarray(-1_000), long.subarray(-1_000), "the end of the content");
      await read.end();
      await t.gone(storage, id, "the session");
    },
  }),

  ...when(can.limits.maxSessions, {
    C2_a_reader_keeps_its_revision_while_the_session_is_evicted: async (t) => {
      const storage = await t.open({ maxSessions: 1 });
      const id = t.id();
      await t.put(storage, id, long);
      const read = await OpenRead.begin(storage, id);
      await read.next();
      await t.put(storage, t.id(), "another");
      const rest = await read.rest();
      equalBytes(rest.subarray(-1_000), long.subarray(-1_000), "the end of the content");
      await read.end();
    },
  }),

  ...when(can.wholeValues, {
    C2_get_gives_content_and_info_of_one_revision: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      const revisions = new Map<string, number>();
      const writes: Promise<void>[] = [];
      await storage.set(id, pattern(1));
      for (let length = 2; length <= 40; length += 1) {
        const content = length % 2 === 0 ? pattern(length) : new Blob([pattern(length)]);
        writes.push(storage.set(id, content).then((revision) => void revisions.set(revision, length)));
      }
      const reads = Array.from({ length: 40 }, () => storage.get(id));
      const seen = await Promise.all(reads);
      await Promise.all(writes);
      for (const found of seen) {
        truth(found !== undefined, "get() found no session");
        equal(found.info.byteLength, found.data.byteLength, "info.byteLength");
        const written = revisions.get(found.info.revision);
        if (written !== undefined) equal(found.data.byteLength, written, "the length of that revision");
      }
    },

    C2_what_read_and_get_tell_is_the_same: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      await storage.set(id, utf8("content"));
      const streamed = await t.infoOf(storage, id);
      const whole = await storage.get(id);
      equal(whole?.info.revision, streamed.revision, "the revision");
      equal(whole?.info.createdAt, streamed.createdAt, "createdAt");
      equal(whole?.info.byteLength, 7, "byteLength");
      equal(await storage.info(id), whole?.info, "info()");
    },
  }),
});
