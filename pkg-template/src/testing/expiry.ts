import type { Duration, SessionStorage, WriteOptions } from "../types.js";
import { different, equal, truth } from "./assertions.js";
import { drain } from "./bytes.js";
import { OpenRead, OpenWrite } from "./flight.js";
import { when, type Cases, type Rule } from "./rule.js";
import type { Trial } from "./trial.js";

const idle = 60_000;
const day = 86_400_000;

/** Alive until just before the time, gone at it. */
async function expiresAfter(
  t: Trial,
  storage: SessionStorage,
  id: string,
  milliseconds: number,
  why: string,
): Promise<void> {
  t.clock.advance(milliseconds - 1);
  truth((await t.take(storage, id)).byteLength > 0, `${why}: a millisecond before`);
  t.clock.advance(1);
  await t.gone(storage, id, `${why}: at the time`);
}

const refused: Cases = {
  C7_timeouts_that_cannot_be_kept_are_refused: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    for (const options of [{ idleTimeout: 1_000 }, { absoluteTimeout: "1h" }] satisfies WriteOptions[]) {
      await t.refuses("ERR_SESSION_UNSUPPORTED", () => t.put(storage, id, "changed", options), "write()");
      await t.refuses("ERR_SESSION_UNSUPPORTED", () => t.put(storage, t.id(), "new", options), "write()");
    }
    await t.holds(storage, id, "content", "after the refusals");
    await t.put(storage, id, "next", { idleTimeout: undefined, absoluteTimeout: undefined });
    await t.holds(storage, id, "next", "a write that asks for nothing");
  },
};

const enforced: Cases = {
  C7_a_session_expires_when_it_was_idle_for_too_long: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    await t.put(storage, id, "content");
    const info = await t.infoOf(storage, id);
    equal(info.expiresAt, t.clock.now + idle, "info.expiresAt");
    equal(info.idleTimeout ?? idle, idle, "info.idleTimeout");
    equal(info.absoluteTimeout, undefined, "info.absoluteTimeout of a session without one");
    await expiresAfter(t, storage, id, idle, "by the storage's idleTimeout");
    equal(await storage.invalidate(id), false, "invalidate() of an expired session");
  },

  C7_a_session_expires_at_its_age_whatever_happens: async (t) => {
    const storage = await t.open({ absoluteTimeout: idle });
    const id = t.id();
    await t.put(storage, id, "content");
    const end = t.clock.now + idle;
    for (let step = 0; step < 3; step += 1) {
      t.clock.advance(idle / 4);
      await t.put(storage, id, "content");
      equal((await t.infoOf(storage, id)).expiresAt, end, "info.expiresAt after an overwrite");
    }
    await expiresAfter(t, storage, id, idle / 4, "by the storage's absoluteTimeout");
  },

  C7_writing_is_activity: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    for (let round = 0; round < 4; round += 1) {
      await t.put(storage, id, `content ${round}`);
      t.clock.advance(idle - 1);
      await t.holds(storage, id, `content ${round}`, `round ${round}`);
    }
    t.clock.advance(1);
    await t.gone(storage, id, "after the last");
  },

  C7_a_write_counts_from_when_it_ends: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    const write = await OpenWrite.begin(storage, id);
    await write.send("content");
    t.clock.advance(idle - 1);
    await write.end();
    await expiresAfter(t, storage, id, idle, "counted from the commit");
  },

  C7_reading_is_not_activity: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    await t.put(storage, id, "content");
    for (let step = 0; step < 3; step += 1) {
      t.clock.advance(idle / 4);
      await t.holds(storage, id, "content", "while it lives");
    }
    await expiresAfter(t, storage, id, idle / 4, "though it was read");
  },

  C7_a_write_that_fails_is_no_activity: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    await t.put(storage, id, "content");
    t.clock.advance(idle / 2);
    await storage.write(id, () => Promise.reject(new Error("no"))).catch(() => {});
    await expiresAfter(t, storage, id, idle / 2, "after a failed write");
  },

  C7_the_earlier_of_both_clocks_counts: async (t) => {
    const storage = await t.open({ idleTimeout: idle, absoluteTimeout: 2 * idle });
    const id = t.id();
    await t.put(storage, id, "content");
    const created = t.clock.now;
    equal((await t.infoOf(storage, id)).expiresAt, created + idle, "info.expiresAt at first");
    t.clock.advance(idle - 1);
    await t.put(storage, id, "content");
    t.clock.advance(idle - 1);
    await t.put(storage, id, "content");
    equal((await t.infoOf(storage, id)).expiresAt, created + 2 * idle, "info.expiresAt at last");
    await expiresAfter(t, storage, id, 2, "by age, though it was written");
  },

  C7_a_write_may_bring_its_own_timeouts: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const [short, long, never, aged] = [t.id(), t.id(), t.id(), t.id()];
    await t.put(storage, short, "content", { idleTimeout: 1_000 });
    await t.put(storage, long, "content", { idleTimeout: "1h" });
    await t.put(storage, never, "content", { idleTimeout: null });
    await t.put(storage, aged, "content", { idleTimeout: null, absoluteTimeout: "2h" });
    equal(
      (await t.infoOf(storage, never)).expiresAt,
      undefined,
      "info.expiresAt of a session that never does",
    );
    await expiresAfter(t, storage, short, 1_000, "by its own 1 s");
    t.clock.advance(idle - 1_000);
    await t.holds(storage, never, "content", "with no timeout");
    await expiresAfter(t, storage, long, 3_600_000 - idle, "by its own 1h");
    await expiresAfter(t, storage, aged, 3_600_000, "by its own age of 2h");
    t.clock.advance(40_000 * day);
    await t.holds(storage, never, "content", "with no timeout, after a century");
  },

  C7_an_overwrite_that_says_nothing_keeps_the_timeouts: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const [id, never] = [t.id(), t.id()];
    await t.put(storage, id, "first", { idleTimeout: 1_000 });
    await t.put(storage, never, "first", { idleTimeout: null });
    await t.put(storage, id, "second");
    await t.put(storage, never, "second", { idleTimeout: undefined, absoluteTimeout: undefined });
    await expiresAfter(t, storage, id, 1_000, "by the session's own timeout");
    t.clock.advance(idle);
    await t.holds(storage, never, "second", "the session's own: none");
    await t.put(storage, never, "third", { idleTimeout: 2_000 });
    await t.put(storage, never, "fourth");
    await expiresAfter(t, storage, never, 2_000, "once a write had given one");
  },

  C7_an_overwrite_may_change_the_timeouts: async (t) => {
    const storage = await t.open({ idleTimeout: idle, absoluteTimeout: idle });
    const id = t.id();
    await t.put(storage, id, "first");
    const created = t.clock.now;
    await t.put(storage, id, "second", { idleTimeout: null });
    equal((await t.infoOf(storage, id)).expiresAt, created + idle, "info.expiresAt by age");
    await t.put(storage, id, "third", { absoluteTimeout: null });
    equal((await t.infoOf(storage, id)).expiresAt, undefined, "info.expiresAt with neither");
    t.clock.advance(5_000);
    await t.put(storage, id, "fourth", { absoluteTimeout: 10_000 });
    equal((await t.infoOf(storage, id)).expiresAt, created + 10_000, "an age counts from the creation");
    await expiresAfter(t, storage, id, 5_000, "by its new age");
  },

  C7_the_time_of_creation_survives_overwrites: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "first");
    const created = t.clock.now;
    t.clock.advance(5_000);
    await t.put(storage, id, "second");
    equal((await t.infoOf(storage, id)).createdAt, created, "info.createdAt after an overwrite");
    await storage.invalidate(id);
    await t.put(storage, id, "anew");
    equal((await t.infoOf(storage, id)).createdAt, created + 5_000, "info.createdAt of a session made anew");
  },

  C7_a_session_written_after_it_expired_is_a_new_one: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    const revision = await t.put(storage, id, "first", { idleTimeout: 1_000, absoluteTimeout: 5_000 });
    t.clock.advance(1_000);
    different(await t.put(storage, id, "second"), revision, "the revision");
    const info = await t.infoOf(storage, id);
    equal(info.createdAt, t.clock.now, "info.createdAt");
    equal(info.expiresAt, t.clock.now + idle, "info.expiresAt, by the storage's own timeout");
    await expiresAfter(t, storage, id, idle, "the new session");
  },

  C7_a_write_in_flight_while_the_session_expires_makes_a_new_one: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const id = t.id();
    await t.put(storage, id, "first");
    const write = await OpenWrite.begin(storage, id);
    await write.send("second");
    t.clock.advance(idle);
    await write.end();
    await t.holds(storage, id, "second", "after the write");
    equal((await t.infoOf(storage, id)).createdAt, t.clock.now, "info.createdAt");
  },

  C7_two_to_the_32_milliseconds_are_no_less: async (t) => {
    for (const timeout of [2 ** 31, 2 ** 32, 2 ** 32 + 5, 36_500 * day]) {
      const storage = await t.open();
      const [sliding, fixed] = [t.id(), t.id()];
      await t.put(storage, sliding, "content", { idleTimeout: timeout });
      await t.put(storage, fixed, "content", { absoluteTimeout: timeout });
      t.clock.advance(10);
      await t.holds(storage, sliding, "content", "10 ms later");
      t.clock.advance(timeout - 11);
      await t.holds(storage, sliding, "content", "a millisecond before");
      await t.holds(storage, fixed, "content", "a millisecond before");
      t.clock.advance(1);
      await t.gone(storage, sliding, `after ${timeout} ms idle`);
      await t.gone(storage, fixed, `at the age of ${timeout} ms`);
    }
  },

  C7_a_clock_that_goes_back_expires_nothing_early: async (t) => {
    const storage = await t.open({ idleTimeout: idle, absoluteTimeout: 2 * idle });
    const [id, other] = [t.id(), t.id()];
    await t.put(storage, id, "content");
    const start = t.clock.now;
    t.clock.set(start - day);
    await t.holds(storage, id, "content", "with the clock a day back");
    await t.put(storage, other, "written back then");
    await t.holds(storage, other, "written back then", "a session written back then");
    t.clock.advance(idle - 1);
    await t.holds(storage, other, "written back then", "the same, just before its time");
    t.clock.set(start + idle - 1);
    await t.holds(storage, id, "content", "just before its time");
    t.clock.set(start - day);
    await t.put(storage, id, "overwritten back then");
    t.clock.set(start + idle - 1);
    await t.holds(storage, id, "overwritten back then", "written again while the clock was back");
    t.clock.set(0);
    await t.holds(storage, id, "overwritten back then", "at the beginning of the epoch");
  },

  C7_a_session_found_expired_stays_so_when_the_clock_goes_back: async (t) => {
    const storage = await t.open({ idleTimeout: idle });
    const [id, other] = [t.id(), t.id()];
    await t.put(storage, id, "content");
    await t.put(storage, other, "content", { idleTimeout: "1h" });
    t.clock.advance(idle);
    await t.gone(storage, id, "at its time");
    t.clock.advance(-idle);
    await t.gone(storage, id, "with the clock back before its time");
    await t.holds(storage, other, "content", "another session");
    await t.put(storage, id, "anew");
    await t.holds(storage, id, "anew", "a new session");
  },

  C7_a_clock_that_jumps_ahead_and_back_keeps_what_was_not_found_expired: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    t.clock.advance(365 * day);
    await t.put(storage, id, "later");
    t.clock.advance(-365 * day);
    await t.holds(storage, id, "later", "with the clock back");
    await t.put(storage, id, "next");
    await t.holds(storage, id, "next", "the next write");
  },
};

const wholeValues: Cases = {
  C7_touch_is_activity: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    const id = t.id();
    await storage.set(id, "content");
    for (let round = 0; round < 4; round += 1) {
      t.clock.advance(idle - 1);
      equal(await storage.touch(id), true, "touch()");
      equal((await storage.info(id))?.expiresAt, t.clock.now + idle, "info.expiresAt after a touch");
    }
    await expiresAfter(t, storage, id, idle, "after the last touch");
    equal(await storage.touch(id), false, "a touch of an expired session");
    await t.gone(storage, id, "after that touch");
  },

  C7_touch_does_not_extend_the_age: async (t) => {
    const storage = await t.openBuiltIn({ absoluteTimeout: idle });
    const id = t.id();
    await storage.set(id, "content");
    t.clock.advance(idle - 1);
    equal(await storage.touch(id), true, "touch()");
    t.clock.advance(1);
    await t.gone(storage, id, "at its age");
  },

  C7_touch_changes_nothing_but_the_time: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    const id = t.id();
    await storage.set(id, "content");
    const before = await storage.info(id);
    const read = await OpenRead.begin(storage, id);
    t.clock.advance(1_000);
    await storage.touch(id);
    const after = await storage.info(id);
    equal(after?.revision, before?.revision, "the revision");
    equal(after?.createdAt, before?.createdAt, "createdAt");
    equal(after?.byteLength, before?.byteLength, "byteLength");
    equal((await read.rest()).byteLength, 7, "a read in flight");
    await read.end();
    await t.holds(storage, id, "content", "the session");
  },

  C7_touch_does_not_disturb_a_write_in_flight: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    const id = t.id();
    const revision = await storage.set(id, "content");
    const options = t.can.conditional ? { ifRevision: revision } : {};
    const write = await OpenWrite.begin(storage, id, options);
    await write.send("next");
    equal(await storage.touch(id), true, "touch()");
    await write.end();
    await t.holds(storage, id, "next", "after the write");
  },

  C7_a_touch_with_the_clock_back_shortens_nothing: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    const id = t.id();
    await storage.set(id, "content");
    t.clock.advance(-day);
    equal(await storage.touch(id), true, "touch() with the clock a day back");
    t.clock.advance(day + idle - 1);
    await t.holds(storage, id, "content", "just before its first time");
  },

  C7_no_way_to_an_expired_session_is_left: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    const tags = t.can.tags ? ["ada"] : undefined;
    const ways: Record<string, (id: string) => Promise<unknown>> = {
      get: (id) => storage.get(id),
      getJson: (id) => storage.getJson(id),
      info: (id) => storage.info(id),
      touch: (id) => storage.touch(id),
      invalidate: (id) => storage.invalidate(id),
    };
    for (const [name, way] of Object.entries(ways)) {
      const id = t.id();
      await storage.setJson(id, { a: 1 }, { tags });
      t.clock.advance(idle);
      const answer = await way(id);
      equal(
        answer,
        name === "touch" || name === "invalidate" ? false : undefined,
        `${name}() of an expired one`,
      );
    }
    const id = t.id();
    await storage.setJson(id, { a: 1 });
    t.clock.advance(idle);
    await t.refuses("ERR_SESSION_NOT_FOUND", () => storage.read(id, drain), "read() of an expired one");
  },

  C7_a_read_handed_the_moment_of_expiry_tells_it: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.setJson(id, 1, { idleTimeout: "90s" });
    equal((await storage.get(id))?.info.expiresAt, t.clock.now + 90_000, "expiresAt of get()");
    await storage.setJson(id, 2, { idleTimeout: null });
    equal((await storage.get(id))?.info.expiresAt, undefined, "expiresAt of a session that never expires");
  },
};

const housekeeping: Cases = {
  C7_sweep_removes_what_has_expired_and_counts_it: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    const kept = t.id();
    await storage.set(kept, "content", { idleTimeout: "1h" });
    equal(await storage.sweep(), 0, "sweep() with nothing expired");
    for (let count = 0; count < 30; count += 1) await storage.set(t.id(), "content");
    const full = await storage.stats();
    equal(full.sessions, 31, "stats().sessions before");
    t.clock.advance(idle);
    equal(await storage.sweep(), 30, "sweep()");
    equal(await storage.sweep(), 0, "sweep() again");
    const after = await storage.stats();
    equal(after.sessions, 1, "stats().sessions after");
    equal(after.expired, full.expired + 30, "stats().expired");
    truth(after.bytes < full.bytes, "stats().bytes did not shrink");
    await t.holds(storage, kept, "content", "the session that has not expired");
  },

  C7_expired_sessions_do_not_pile_up_where_nobody_sweeps: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: idle });
    let most = 0;
    for (let round = 0; round < 40; round += 1) {
      for (let count = 0; count < 20; count += 1) await storage.set(t.id(), "content");
      t.clock.advance(idle);
      most = Math.max(most, (await storage.stats()).sessions);
    }
    // A storage of many folders looks into few of them at a time.
    truth(most <= 600, `of 800 sessions, 20 alive at a time, ${most} were held: writes must sweep a little`);
  },
};

const withoutClock: Cases = {
  C7_a_session_with_a_long_timeout_is_there: async (t) => {
    const storage = await t.open();
    for (const timeout of ["1h", "36500d", 2 ** 32, 3_600_000, null] satisfies (Duration | null)[]) {
      const id = t.id();
      await t.put(storage, id, "content", { idleTimeout: timeout, absoluteTimeout: timeout });
      await t.holds(storage, id, "content", "at once");
    }
  },
};

export const expiry: Rule = (can) => ({
  ...when(!can.timeouts, refused),
  ...when(can.timeouts, withoutClock),
  ...when(can.timeouts && can.clock, enforced),
  ...when(can.timeouts && can.clock && can.wholeValues, wholeValues),
  ...when(can.timeouts && can.clock && can.housekeeping, housekeeping),
});
