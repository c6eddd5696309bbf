import type { SessionStorage } from "../types.js";
import { equal, truth } from "./assertions.js";
import { fill, pattern, utf8 } from "./bytes.js";
import { when, type Rule } from "./rule.js";
import { OpenWrite } from "./flight.js";
import type { Trial } from "./trial.js";

/** Room for three sessions of 1,000 bytes and for no fourth, whether a storage counts by number or by size. */
const roomForThree = (t: Trial, whenFull: "evict" | "reject"): object =>
  t.can.limits.maxSessions ? { maxSessions: 3, whenFull } : { maxBytes: 3_600, whenFull };

async function three(t: Trial, storage: SessionStorage): Promise<[string, string, string]> {
  const ids: [string, string, string] = [t.id(), t.id(), t.id()];
  for (const [at, id] of ids.entries()) await t.put(storage, id, pattern(1_000, at + 1));
  return ids;
}

/** Asks without using: a conditional write would count, and so would a read. */
async function there(t: Trial, storage: SessionStorage, ids: readonly string[]): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (const id of ids) {
    answers.push(
      await storage
        .read(id, () => true)
        .catch(async (error: unknown) => {
          await t.refuses(
            "ERR_SESSION_NOT_FOUND",
            () => Promise.reject(error),
            "read() of an evicted session",
          );
          return false;
        }),
    );
  }
  return answers;
}

export const bounds: Rule = (can) => ({
  ...when(can.limits.maxSessionBytes, {
    C10_content_of_the_largest_size_is_taken_and_a_byte_more_is_not: async (t) => {
      const storage = await t.open({ maxSessionBytes: 1_000 });
      const id = t.id();
      await t.put(storage, id, pattern(1_000));
      await t.holds(storage, id, pattern(1_000), "1,000 bytes");
      await t.refuses(
        "ERR_SESSION_TOO_LARGE",
        () => t.put(storage, id, pattern(1_001)),
        "1,001 bytes at once",
      );
      await t.refuses("ERR_SESSION_TOO_LARGE", () => t.put(storage, t.id(), pattern(1_001)), "a new session");
      const inPieces = (): Promise<string> =>
        storage.write(id, (channel) => fill(channel, pattern(600), pattern(400), pattern(1)));
      await t.refuses("ERR_SESSION_TOO_LARGE", inPieces, "1,001 bytes in pieces");
      await t.holds(storage, id, pattern(1_000), "after the refusals");
      await t.put(storage, id, "next");
      await t.holds(storage, id, "next", "the next write");
    },

    C10_a_provider_cannot_hide_that_it_wrote_too_much: async (t) => {
      const storage = await t.open({ maxSessionBytes: 1_000 });
      const id = t.id();
      const write = (): Promise<string> =>
        storage.write(id, async (channel) => {
          const writer = channel.getWriter();
          await writer.write(pattern(900));
          await writer.write(pattern(900)).catch(() => {});
        });
      await t.refuses("ERR_SESSION_TOO_LARGE", write, "a provider that swallows the error");
      const unawaited = (): Promise<string> =>
        storage.write(id, (channel) => {
          const writer = channel.getWriter();
          for (let count = 0; count < 5; count += 1) writer.write(pattern(900)).catch(() => {});
        });
      await t.refuses("ERR_SESSION_TOO_LARGE", unawaited, "a provider that does not await");
      await t.gone(storage, id, "after it");
    },

    C10_an_endless_provider_is_stopped: async (t) => {
      const storage = await t.open({ maxSessionBytes: 100_000 });
      const id = t.id();
      const piece = pattern(10_000);
      const endless = (): Promise<string> =>
        storage.write(id, async (channel) => {
          const writer = channel.getWriter();
          // Not quite endless, so that a storage that never stops it fails the case and not the machine.
          for (let count = 0; count < 1_000; count += 1) await writer.write(piece);
        });
      await t.refuses("ERR_SESSION_TOO_LARGE", endless, "write()");
      await t.gone(storage, id, "after it");
    },
  }),

  ...when(can.limits.maxSessionBytes && can.wholeValues, {
    C10_whole_values_are_measured_in_bytes: async (t) => {
      const storage = await t.openBuiltIn({ maxSessionBytes: 1_000 });
      const id = t.id();
      const fits: Parameters<typeof storage.set>[1][] = [
        "é".repeat(500),
        pattern(1_000).buffer,
        new Blob([pattern(1_000)]),
      ];
      for (const data of fits) await storage.set(id, data);
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let count = 0; count < 11; count += 1) yield pattern(100);
      }
      const over: Parameters<typeof storage.set>[1][] = [
        `${"é".repeat(500)}x`,
        pattern(1_001),
        pattern(1_001).buffer,
        new Blob([pattern(1_001)]),
        new Blob([pattern(1_001)]).stream() as ReadableStream<Uint8Array>,
        pieces(),
      ];
      for (const [at, data] of over.entries()) {
        await t.refuses(
          "ERR_SESSION_TOO_LARGE",
          () => storage.set(id, data),
          `set() of too much, kind ${at}`,
        );
      }
      await t.refuses("ERR_SESSION_TOO_LARGE", () => storage.setJson(id, "x".repeat(999)), "setJson()");
      await t.holds(storage, id, pattern(1_000), "after the refusals");
      await storage.setJson(id, "x".repeat(998));
      await t.holds(storage, id, `"${"x".repeat(998)}"`, "JSON of exactly 1,000 bytes");
    },

    C10_a_source_that_gives_too_much_is_let_go: async (t) => {
      const storage = await t.openBuiltIn({ maxSessionBytes: 1_000 });
      let ended = false;
      const piece = pattern(400);
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (let count = 0; count < 1_000; count += 1) yield piece;
        } finally {
          ended = true;
        }
      }
      await t.refuses("ERR_SESSION_TOO_LARGE", () => storage.set(t.id(), endless()), "set()");
      truth(ended, "the iterable's return() was not called");
    },
  }),

  ...when(can.limits.maxSessions || can.limits.maxBytes, {
    C10_a_full_storage_evicts_the_least_recently_used: async (t) => {
      const storage = await t.open(roomForThree(t, "evict"));
      const [a, b, c] = await three(t, storage);
      const d = t.id();
      await t.put(storage, d, pattern(1_000, 4));
      equal(await there(t, storage, [a, b, c, d]), [false, true, true, true], "which of four are there");
      await t.holds(storage, d, pattern(1_000, 4), "the newest");
    },

    C10_a_read_counts_as_use: async (t) => {
      const storage = await t.open(roomForThree(t, "evict"));
      const [a, b, c] = await three(t, storage);
      await t.take(storage, a);
      const d = t.id();
      await t.put(storage, d, pattern(1_000, 4));
      equal(await there(t, storage, [a, b, c, d]), [true, false, true, true], "which of four are there");
    },

    C10_an_overwrite_counts_as_use: async (t) => {
      const storage = await t.open(roomForThree(t, "evict"));
      const [a, b, c] = await three(t, storage);
      await t.put(storage, a, pattern(1_000, 9));
      const d = t.id();
      await t.put(storage, d, pattern(1_000, 4));
      equal(await there(t, storage, [a, b, c, d]), [true, false, true, true], "which of four are there");
    },

    C10_an_overwrite_in_a_full_storage_evicts_nothing: async (t) => {
      for (const whenFull of ["evict", "reject"] as const) {
        const storage = await t.open(roomForThree(t, whenFull));
        const ids = await three(t, storage);
        for (const id of ids) await t.put(storage, id, pattern(1_000, 9));
        for (const id of ids) await t.holds(storage, id, pattern(1_000, 9), `whenFull: ${whenFull}`);
      }
    },

    C10_a_write_that_fails_evicts_nothing: async (t) => {
      const storage = await t.open(roomForThree(t, "evict"));
      const ids = await three(t, storage);
      const write = await OpenWrite.begin(storage, t.id());
      await write.send(pattern(1_000));
      equal(await there(t, storage, ids), [true, true, true], "which of three are there during the write");
      const reason = new Error("no");
      await t.passesOn(reason, () => write.fail(reason), "write()");
      if (can.conditional) {
        const conflict = (): Promise<string> =>
          t.put(storage, t.id(), pattern(1_000), { ifRevision: "other" });
        await t.refuses("ERR_SESSION_CONFLICT", conflict, "a conflict");
      }
      equal(await there(t, storage, ids), [true, true, true], "which of three are there after it");
    },

    C10_a_full_storage_that_rejects_loses_nothing: async (t) => {
      const storage = await t.open(roomForThree(t, "reject"));
      const ids = await three(t, storage);
      for (let count = 0; count < 3; count += 1) {
        await t.refuses(
          "ERR_SESSION_QUOTA",
          () => t.put(storage, t.id(), pattern(1_000)),
          "a fourth session",
        );
      }
      for (const [at, id] of ids.entries())
        await t.holds(storage, id, pattern(1_000, at + 1), `session ${at}`);
      await storage.invalidate(ids[0]);
      const next = t.id();
      await t.put(storage, next, pattern(1_000, 4));
      await t.holds(storage, next, pattern(1_000, 4), "once there was room");
    },

    C10_writes_at_once_do_not_overfill: async (t) => {
      const storage = await t.open(roomForThree(t, "reject"));
      const ids = Array.from({ length: 10 }, () => t.id());
      const results = await Promise.allSettled(ids.map((id) => t.put(storage, id, pattern(1_000))));
      for (const result of results) {
        if (result.status === "fulfilled") continue;
        await t.refuses("ERR_SESSION_QUOTA", () => Promise.reject(result.reason), "one of ten writes");
      }
      equal(
        results.filter((result) => result.status === "fulfilled").length,
        3,
        "how many of ten were taken",
      );
      const held = await there(t, storage, ids);
      equal(
        held,
        results.map((result) => result.status === "fulfilled"),
        "which are there",
      );
    },
  }),

  ...when((can.limits.maxSessions || can.limits.maxBytes) && can.wholeValues, {
    C10_get_and_touch_count_as_use: async (t) => {
      for (const use of ["get", "touch", "getJson"] as const) {
        const storage = await t.openBuiltIn(roomForThree(t, "evict"));
        const [a, b, c] = [t.id(), t.id(), t.id()];
        for (const id of [a, b, c]) await storage.setJson(id, "x".repeat(998));
        await storage[use](a);
        const d = t.id();
        await storage.setJson(d, "x".repeat(998));
        equal(
          await there(t, storage, [a, b, c, d]),
          [true, false, true, true],
          `which are there after ${use}()`,
        );
      }
    },

    C10_whole_values_are_bounded_too: async (t) => {
      const full = await t.openBuiltIn(roomForThree(t, "reject"));
      const ids = await three(t, full);
      await t.refuses("ERR_SESSION_QUOTA", () => full.set(t.id(), pattern(1_000)), "set()");
      await t.refuses("ERR_SESSION_QUOTA", () => full.setJson(t.id(), "x".repeat(998)), "setJson()");
      equal(await there(t, full, ids), [true, true, true], "which of three are there");
      const evicting = await t.openBuiltIn(roomForThree(t, "evict"));
      const [a] = await three(t, evicting);
      await evicting.set(t.id(), pattern(1_000));
      equal(await evicting.get(a), undefined, "get() of the evicted session");
      equal((await evicting.stats()).evicted, 1, "stats().evicted");
      equal((await evicting.stats()).sessions, 3, "stats().sessions");
    },
  }),

  ...when(can.limits.maxBytes, {
    C10_a_full_storage_evicts_as_many_as_it_must: async (t) => {
      const storage = await t.open({ maxBytes: 10_000 });
      const ids = Array.from({ length: 9 }, () => t.id());
      for (const id of ids) await t.put(storage, id, pattern(1_000));
      const big = t.id();
      await t.put(storage, big, pattern(5_000));
      await t.holds(storage, big, pattern(5_000), "the large one");
      const held = await there(t, storage, ids);
      const first = held.indexOf(true);
      truth(first >= 4 && first <= 6, `${first} of 9 sessions of 1,000 bytes made room for one of 5,000`);
      truth(
        held.slice(first).every(Boolean),
        "a more recently used session was evicted before a less recently used",
      );
    },

    C10_a_session_larger_than_the_storage_evicts_nobody: async (t) => {
      for (const whenFull of ["evict", "reject"] as const) {
        const storage = await t.open({ maxBytes: 5_000, whenFull });
        const ids = await three(t, storage);
        const codes = ["ERR_SESSION_QUOTA", "ERR_SESSION_TOO_LARGE"] as const;
        await t.refuses(codes, () => t.put(storage, t.id(), pattern(6_000)), "a session that can never fit");
        await t.refuses(
          codes,
          () => t.put(storage, ids[1], pattern(6_000)),
          "an overwrite that can never fit",
        );
        for (const [at, id] of ids.entries())
          await t.holds(storage, id, pattern(1_000, at + 1), `session ${at}`);
      }
    },

    C10_an_overwrite_that_grows_makes_room_or_is_refused: async (t) => {
      const evicting = await t.open({ maxBytes: 3_600 });
      const [a, b, c] = await three(t, evicting);
      await t.put(evicting, a, pattern(2_000, 9));
      equal(await there(t, evicting, [a, b, c]), [true, false, true], "which of three are there");
      const rejecting = await t.open({ maxBytes: 3_600, whenFull: "reject" });
      const ids = await three(t, rejecting);
      await t.refuses(
        "ERR_SESSION_QUOTA",
        () => t.put(rejecting, ids[0], pattern(2_000)),
        "a growing overwrite",
      );
      for (const [at, id] of ids.entries())
        await t.holds(rejecting, id, pattern(1_000, at + 1), `session ${at}`);
      await t.put(rejecting, ids[0], "shorter");
      await t.put(rejecting, ids[1], pattern(1_900));
      await t.holds(rejecting, ids[1], pattern(1_900), "once there was room");
    },
  }),

  ...when((can.limits.maxSessions || can.limits.maxBytes) && can.timeouts && can.clock, {
    C10_a_storage_full_of_expired_sessions_takes_a_new_one: async (t) => {
      const storage = await t.open({ ...roomForThree(t, "reject"), idleTimeout: 1_000 });
      await three(t, storage);
      t.clock.advance(1_000);
      const id = t.id();
      await t.put(storage, id, pattern(1_000));
      await t.holds(storage, id, pattern(1_000), "the new session");
    },
  }),

  ...when(can.housekeeping, {
    C10_the_numbers_add_up: async (t) => {
      const storage = await t.openBuiltIn();
      const ids = [t.id(), t.id(), t.id()];
      const start = await storage.stats();
      equal([start.sessions, start.evicted, start.expired], [0, 0, 0], "the numbers of an empty storage");
      let content = 0;
      for (const [at, id] of ids.entries()) {
        await storage.set(id, pattern(100 * (at + 1)));
        // What keeps sessions under a hash of their ids has no ids to count.
        content += 100 * (at + 1) + (can.limits.maxBytes ? utf8(id).byteLength : 0);
      }
      const held = await storage.stats();
      equal(held.sessions, 3, "stats().sessions");
      truth(
        held.bytes - start.bytes >= content,
        `stats().bytes is less than the ${content} bytes that are held`,
      );
      for (const id of ids) await storage.set(id, "short");
      truth((await storage.stats()).bytes < held.bytes, "stats().bytes did not shrink with the content");
      for (const id of ids) await storage.invalidate(id);
      const end = await storage.stats();
      equal([end.sessions, end.bytes], [0, start.bytes], "the numbers once all were invalidated");
      for (let round = 0; round < 50; round += 1) {
        await storage.set(ids[0] ?? "", pattern(round));
        await storage.write(ids[1] ?? "", () => Promise.reject(new Error("no"))).catch(() => {});
      }
      equal((await storage.stats()).sessions, 1, "stats().sessions after 50 overwrites and 50 failures");
    },
  }),
});
