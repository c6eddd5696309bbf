import type { SessionStorage } from "../types.js";
import { different, equal, truth } from "./assertions.js";
import { Gate, turns } from "./clock.js";
import { fill } from "./bytes.js";
import { OpenWrite } from "./flight.js";
import { when, type Rule } from "./rule.js";
import type { Trial } from "./trial.js";

/** Ends a write that an invalidation overtook: a conflict, whether the channel or the commit tells of it. */
async function overtaken(t: Trial, write: OpenWrite, what: string): Promise<void> {
  await write.send("more").catch(() => {});
  await t.refuses("ERR_SESSION_CONFLICT", () => write.end(), what);
}

export const invalidation: Rule = (can) => ({
  C4_invalidate_says_whether_a_session_was_there: async (t) => {
    const storage = await t.open();
    const id = t.id();
    equal(await storage.invalidate(id), false, "invalidate() of a session never written");
    await t.put(storage, id, "content");
    equal(await storage.invalidate(id), true, "invalidate() of a session");
    equal(await storage.invalidate(id), false, "invalidate() the second time");
    await t.gone(storage, id, "after it");
  },

  C4_a_write_after_invalidate_makes_a_new_session: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const revision = await t.put(storage, id, "first");
    await storage.invalidate(id);
    different(await t.put(storage, id, "second"), revision, "the revision");
    await t.holds(storage, id, "second", "the new session");
    equal(await storage.invalidate(id), true, "invalidate() of the new session");
    await t.gone(storage, id, "after it");
  },

  C4_only_the_session_named_is_invalidated: async (t) => {
    const storage = await t.open();
    const ids = Array.from({ length: 20 }, (_, at) => t.id(`${at}-`));
    for (const id of ids) await t.put(storage, id, `content of ${ids.indexOf(id)}`);
    for (const [at, id] of ids.entries()) if (at % 2 === 0) await storage.invalidate(id);
    for (const [at, id] of ids.entries()) {
      if (at % 2 === 0) await t.gone(storage, id, `session ${at}`);
      else await t.holds(storage, id, `content of ${at}`, `session ${at}`);
    }
  },

  C4_invalidate_wins_over_a_write_in_flight: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    const write = await OpenWrite.begin(storage, id);
    await write.send("whole");
    equal(await storage.invalidate(id), true, "invalidate()");
    await overtaken(t, write, "the write that had begun before");
    await t.gone(storage, id, "after the write ended");
    await turns();
    await t.gone(storage, id, "a little later");
    await t.put(storage, id, "next");
    await t.holds(storage, id, "next", "the next write");
  },

  C4_invalidate_wins_over_a_write_in_flight_that_has_closed_its_channel: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    const write = await OpenWrite.begin(storage, id);
    await write.send("whole");
    await write.writer.close();
    await storage.invalidate(id);
    await t.refuses("ERR_SESSION_CONFLICT", () => write.end(), "the write");
    await t.gone(storage, id, "after it");
  },

  C4_invalidate_where_no_session_is_also_stops_a_write_in_flight: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const write = await OpenWrite.begin(storage, id);
    await write.send("whole");
    equal(await storage.invalidate(id), false, "invalidate() before the first write ended");
    await overtaken(t, write, "the write that had begun before");
    await t.gone(storage, id, "after the write ended");
  },

  C4_a_write_in_flight_does_not_replace_a_session_made_anew: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    const write = await OpenWrite.begin(storage, id);
    await write.send("of the old session");
    await storage.invalidate(id);
    const revision = await t.put(storage, id, "the new session");
    await overtaken(t, write, "the write that had begun before");
    await t.holds(storage, id, "the new session", "after it");
    equal((await t.infoOf(storage, id)).revision, revision, "the revision");
  },

  C4_every_write_in_flight_is_stopped: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    const writes = [];
    for (let count = 0; count < 5; count += 1) writes.push(await OpenWrite.begin(storage, id));
    await storage.invalidate(id);
    const after = await OpenWrite.begin(storage, id);
    for (const write of writes) await overtaken(t, write, "a write that had begun before");
    await t.gone(storage, id, "after them");
    await after.send("begun afterwards");
    await after.end();
    await t.holds(storage, id, "begun afterwards", "a write begun after the invalidation");
  },

  C4_invalidate_does_not_stop_a_write_of_another_session: async (t) => {
    const storage = await t.open();
    const [id, other] = [t.id(), t.id()];
    await t.put(storage, id, "content");
    const write = await OpenWrite.begin(storage, other);
    await storage.invalidate(id);
    await write.send("other");
    await write.end();
    await t.holds(storage, other, "other", "the other session");
  },

  C4_a_provider_may_invalidate_its_own_session: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "before");
    const write = (): Promise<string> =>
      storage.write(id, async (channel) => {
        await fill(channel, "half");
        await storage.invalidate(id);
      });
    await t.refuses("ERR_SESSION_CONFLICT", write, "the write");
    await t.gone(storage, id, "after it");
    await t.put(storage, id, "next");
    await t.holds(storage, id, "next", "the next write");
  },

  C4_invalidations_at_once_count_a_session_once: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    const answers = await Promise.all(Array.from({ length: 10 }, () => storage.invalidate(id)));
    equal(answers.filter((there) => there).length, 1, "how many of ten were told that a session was there");
    await t.gone(storage, id, "after them");
  },

  ...when(can.conditional, {
    C4_a_conditional_write_in_flight_is_stopped_too: async (t) => {
      const storage = await t.open();
      const id = t.id();
      const revision = await t.put(storage, id, "before");
      const update = await OpenWrite.begin(storage, id, { ifRevision: revision });
      await storage.invalidate(id);
      const create = await OpenWrite.begin(storage, id, { ifRevision: null });
      await storage.invalidate(id);
      await overtaken(t, update, "the write of the old revision");
      await overtaken(t, create, "the write for no session");
      await t.gone(storage, id, "after them");
    },
  }),

  ...when(can.wholeValues, {
    C4_a_set_in_flight_does_not_bring_the_session_back: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      await storage.set(id, "before");
      const gate = new Gate();
      const entered = new Gate();
      async function* slow(): AsyncGenerator<Uint8Array> {
        entered.open();
        await gate.passed;
        yield new Uint8Array(10);
      }
      const writing = storage.set(id, slow());
      writing.catch(() => {});
      await entered.passed;
      await storage.invalidate(id);
      gate.open();
      await t.refuses("ERR_SESSION_CONFLICT", () => writing, "set()");
      await t.gone(storage, id, "after it");
    },

    C4_a_touch_does_not_bring_the_session_back: async (t) => {
      const storage = await t.openBuiltIn({ idleTimeout: 60_000 });
      for (let round = 0; round < 20; round += 1) {
        const id = t.id();
        await storage.set(id, "content");
        const touches = [storage.touch(id), storage.touch(id)];
        const ended = storage.invalidate(id);
        touches.push(storage.touch(id));
        await ended;
        await t.gone(storage, id, "as soon as invalidate() resolved");
        await Promise.all(touches);
        await t.gone(storage, id, "once the touches resolved");
        equal(await storage.touch(id), false, "a touch afterwards");
      }
    },

    C4_calls_at_once_with_invalidate_leave_a_whole_session_or_none: async (t) => {
      const storage = await t.openBuiltIn();
      for (let round = 0; round < 20; round += 1) {
        const id = t.id();
        await storage.set(id, "before");
        const calls: Promise<unknown>[] = [
          storage.set(id, "by set"),
          storage.invalidate(id),
          storage.touch(id),
          storage.setJson(id, { by: "setJson" }),
          storage.get(id),
        ];
        await Promise.allSettled(calls);
        await storage.invalidate(id);
        await t.gone(storage, id, "after the last invalidate()");
      }
    },

    C4_the_numbers_forget_an_invalidated_session: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      const before = can.housekeeping ? await storage.stats() : undefined;
      await storage.set(id, "content");
      await storage.invalidate(id);
      if (before === undefined) return;
      const after = await storage.stats();
      equal(after.sessions, before.sessions, "stats().sessions");
      equal(after.bytes, before.bytes, "stats().bytes");
    },
  }),

  ...when(can.tags, {
    C4_invalidating_by_tag_wins_over_a_write_in_flight: async (t) => {
      const storage = await t.open();
      const id = t.id();
      await t.put(storage, id, "before", { tags: ["ada"] });
      const write = await OpenWrite.begin(storage, id);
      await write.send("whole");
      equal(await t.builtIn(storage).invalidateTagged("ada"), 1, "invalidateTagged()");
      await overtaken(t, write, "the write that had begun before");
      await t.gone(storage, id, "after it");
    },
  }),

  ...when(can.shared, {
    C4_invalidate_wins_over_a_write_in_flight_on_the_other_side: async (t) => {
      const here = await t.open();
      const there = await t.join(here);
      const id = t.id();
      await t.put(here, id, "before");
      const write = await OpenWrite.begin(here, id);
      await write.send("whole");
      equal(await there.invalidate(id), true, "invalidate() on the other side");
      await overtaken(t, write, "the write that had begun before");
      await t.gone(here, id, "on this side");
      await t.gone(there, id, "on the other side");
    },
  }),

  ...when(can.shared && can.timeouts && can.clock, {
    C4_a_write_in_flight_does_not_outlive_the_session_made_anew: async (t) => {
      const here = await t.open();
      const there = await t.join(here);
      const id = t.id();
      await t.put(here, id, "before");
      const write = await OpenWrite.begin(here, id);
      await write.send("whole");
      equal(await there.invalidate(id), true, "invalidate() on the other side");
      await t.put(there, id, "anew", { idleTimeout: 1_000 });
      t.clock.advance(1_000);
      // Whoever finds it expired may remove it, but not what tells of the invalidation.
      await t.gone(there, id, "once it has expired");
      await overtaken(t, write, "the write that had begun before");
      await t.gone(here, id, "on this side");
      await t.gone(there, id, "on the other side");
    },
  }),

  C4_a_storm_of_calls_never_brings_a_session_back: async (t) => {
    const storage: SessionStorage = await t.open();
    const id = t.id();
    for (let round = 0; round < 15; round += 1) {
      const begun = await Promise.all([0, 1, 2, 3].map(() => OpenWrite.begin(storage, id)));
      const late = begun.splice(3);
      // Those beside the invalidation come before it or fail: which, is the medium's affair.
      const ends = begun.slice(0, round % 3).map((write) => write.end());
      const ended = storage.invalidate(id);
      ends.push(...begun.slice(round % 3).map((write) => write.end()));
      await ended;
      const after = late.map((write) => write.end());
      await t.gone(storage, id, "as soon as invalidate() resolved");
      await Promise.allSettled(ends);
      const results = await Promise.allSettled(after);
      await t.gone(storage, id, "once every write had ended");
      truth(
        results.every((result) => result.status === "rejected"),
        "a write that ended after the invalidation resolved",
      );
    }
  },
});
