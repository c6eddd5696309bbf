import { equal, equalBytes } from "./assertions.js";
import { pattern } from "./bytes.js";
import { turns } from "./clock.js";
import { OpenWrite } from "./flight.js";
import { when, type Rule } from "./rule.js";

export const durability: Rule = (can) => ({
  C9_a_read_after_a_write_sees_it: async (t) => {
    const storage = await t.open();
    const id = t.id();
    for (let round = 0; round < 30; round += 1) {
      await t.put(storage, id, `content ${round}`);
      await t.holds(storage, id, `content ${round}`, `round ${round}`);
    }
  },

  C9_reads_begun_as_the_write_resolves_see_it: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    const reads = await t
      .put(storage, id, "after")
      .then(() => Promise.all([0, 1, 2].map(() => t.take(storage, id))));
    for (const bytes of reads) equalBytes(bytes, new TextEncoder().encode("after"), "a read");
  },

  C9_two_hundred_writes_at_once_are_all_there: async (t) => {
    const storage = await t.open();
    const ids = Array.from({ length: 200 }, () => t.id());
    const length = (at: number): number => (at * 97) % 2_500;
    await Promise.all(ids.map((id, at) => t.put(storage, id, pattern(length(at), at + 1))));
    const contents = await Promise.all(ids.map((id) => t.take(storage, id)));
    for (const [at, content] of contents.entries()) {
      equalBytes(content, pattern(length(at), at + 1), `session ${at}`);
    }
    const answers = await Promise.all(ids.map((id) => storage.invalidate(id)));
    equal(answers.filter(Boolean).length, 200, "how many were there to invalidate");
  },

  C9_the_last_of_writes_one_after_another_counts: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const first = await OpenWrite.begin(storage, id);
    const second = await OpenWrite.begin(storage, id);
    await first.send("first begun");
    await second.send("second begun");
    await second.end();
    await t.holds(storage, id, "second begun", "once the second had ended");
    await first.end();
    await t.holds(storage, id, "first begun", "once the first had ended");
  },

  ...when(!can.durable && can.wholeValues, {
    C9_two_storages_made_apart_do_not_share_sessions: async (t) => {
      const [one, other] = [await t.open(), await t.open()];
      const id = t.id();
      await t.put(one, id, "content");
      await t.gone(other, id, "in the other storage");
      await t.builtIn(one).close();
      await t.put(other, id, "content");
      await t.holds(other, id, "content", "in the other storage, once the first was closed");
    },
  }),

  ...when(can.durable, {
    C9_a_session_outlives_the_storage: async (t) => {
      const storage = await t.open();
      const [id, empty, ended] = [t.id(), t.id(), t.id()];
      const content = pattern(200_000, 5);
      const revision = await t.put(storage, id, content);
      await t.put(storage, empty, "");
      await t.put(storage, ended, "content");
      await storage.invalidate(ended);
      const info = await t.infoOf(storage, id);
      const again = await t.reopen(storage);
      await t.holds(again, id, content, "the session");
      await t.holds(again, empty, "", "the empty session");
      await t.gone(again, ended, "the invalidated session");
      equal((await t.infoOf(again, id)).revision, revision, "the revision");
      equal((await t.infoOf(again, id)).createdAt, info.createdAt, "createdAt");
    },

    C9_a_write_that_never_ended_leaves_nothing: async (t) => {
      const storage = await t.open();
      const [id, fresh] = [t.id(), t.id()];
      await t.put(storage, id, "content");
      const writes = [await OpenWrite.begin(storage, id), await OpenWrite.begin(storage, fresh)];
      for (const write of writes) await write.send(pattern(50_000));
      const reopening = t.reopen(storage);
      await turns();
      for (const write of writes) write.fail(new Error("the process ended")).catch(() => {});
      const again = await reopening;
      await t.holds(again, id, "content", "the session");
      await t.gone(again, fresh, "the session that was being made");
    },

    C9_a_revision_never_comes_back_after_reopening: async (t) => {
      let storage = await t.open();
      const id = t.id();
      const seen = new Set<string>();
      for (let round = 0; round < 5; round += 1) {
        const revision = await t.put(storage, id, "content");
        equal(seen.has(revision), false, `round ${round}: whether the revision was there before`);
        seen.add(revision);
        await storage.invalidate(id);
        storage = await t.reopen(storage);
      }
    },
  }),

  ...when(can.durable && can.timeouts && can.clock, {
    C9_timeouts_outlive_the_storage: async (t) => {
      const storage = await t.open();
      const [id, other] = [t.id(), t.id()];
      await t.put(storage, id, "content", { idleTimeout: 10_000 });
      await t.put(storage, other, "content", { idleTimeout: 20_000 });
      t.clock.advance(9_999);
      const again = await t.reopen(storage);
      await t.holds(again, id, "content", "a millisecond before");
      t.clock.advance(1);
      await t.gone(again, id, "at the time");
      await t.holds(again, other, "content", "another session");
    },
  }),

  ...when(can.durable && can.tags, {
    C9_tags_outlive_the_storage: async (t) => {
      const storage = await t.open();
      const id = t.id();
      await t.put(storage, id, "content", { tags: ["ada", "admin"] });
      const again = t.builtIn(await t.reopen(storage));
      equal((await t.infoOf(again, id)).tags, ["ada", "admin"], "info.tags");
      equal(await again.invalidateTagged("ada"), 1, "invalidateTagged()");
      await t.gone(again, id, "after it");
    },
  }),

  ...when(can.shared, {
    C9_what_is_written_on_one_side_is_read_on_the_other: async (t) => {
      const here = await t.open();
      const there = await t.join(here);
      const id = t.id();
      for (let round = 0; round < 5; round += 1) {
        const revision = await t.put(here, id, `here ${round}`);
        await t.holds(there, id, `here ${round}`, "on the other side");
        equal((await t.infoOf(there, id)).revision, revision, "the revision");
        await t.put(there, id, `there ${round}`);
        await t.holds(here, id, `there ${round}`, "on this side");
      }
      await there.invalidate(id);
      await t.gone(here, id, "on this side after an invalidation on the other");
    },
  }),
});
