import type { SessionStorage, WriteOptions } from "../types.js";
import { different, equal, fail, truth } from "./assertions.js";
import { utf8 } from "./bytes.js";
import { OpenWrite } from "./flight.js";
import { when, type Rule } from "./rule.js";
import { CODES, type Trial } from "./trial.js";

async function race(
  t: Trial,
  storage: SessionStorage,
  id: string,
  ifRevision: string | null,
  others = storage,
): Promise<void> {
  const sides = [storage, others];
  const writes = await Promise.all(
    Array.from({ length: 8 }, (_, at) => OpenWrite.begin(sides[at % 2] ?? storage, id, { ifRevision })),
  );
  for (const [at, write] of writes.entries()) await write.send(`writer ${at}`).catch(() => {});
  const results = await Promise.allSettled(writes.map((write) => write.end()));
  const winners = results.flatMap((result, at) => (result.status === "fulfilled" ? [at] : []));
  equal(winners.length, 1, "how many of 8 conditional writes won");
  for (const [at, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    await t.refuses("ERR_SESSION_CONFLICT", () => Promise.reject(result.reason), `the write of loser ${at}`);
  }
  await t.holds(storage, id, `writer ${winners[0]}`, "what the winner wrote");
}

export const revisions: Rule = (can) => ({
  C5_each_write_makes_a_new_revision: async (t) => {
    const storage = await t.open();
    const [id, other] = [t.id(), t.id()];
    const seen = new Set<string>();
    for (let round = 0; round < 50; round += 1) {
      const revision = await t.put(storage, id, "the same content");
      equal(typeof revision, "string", "the type of a revision");
      truth(revision.length > 0, "the revision is empty");
      truth(!seen.has(revision), `the revision of write ${round} was there before`);
      seen.add(revision);
      equal((await t.infoOf(storage, id)).revision, revision, "the revision that read() tells");
      if (round % 10 === 0) await t.put(storage, other, "another");
    }
  },

  C5_a_revision_never_comes_back_with_a_session_made_anew: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const seen = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      for (let write = 0; write <= round % 3; write += 1) {
        const revision = await t.put(storage, id, "content");
        truth(
          !seen.has(revision),
          `round ${round}: the revision was there before the session was invalidated`,
        );
        seen.add(revision);
      }
      await storage.invalidate(id);
    }
  },

  C5_a_failed_write_makes_no_revision: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const revision = await t.put(storage, id, "content");
    await storage.write(id, () => Promise.reject(new Error("no"))).catch(() => {});
    equal((await t.infoOf(storage, id)).revision, revision, "the revision");
  },

  C5_an_undefined_ifRevision_is_no_condition: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "first", { ifRevision: undefined });
    await t.put(storage, id, "second", { ifRevision: undefined });
    await t.holds(storage, id, "second", "after both");
  },

  ...when(!can.conditional, {
    C5_a_condition_that_cannot_be_kept_is_refused: async (t) => {
      const storage = await t.open();
      const id = t.id();
      const revision = await t.put(storage, id, "content");
      const attempts: readonly WriteOptions[] = [{ ifRevision: revision }, { ifRevision: null }];
      for (const options of attempts) {
        await t.refuses("ERR_SESSION_UNSUPPORTED", () => t.put(storage, id, "changed", options), "write()");
        await t.refuses("ERR_SESSION_UNSUPPORTED", () => t.put(storage, t.id(), "new", options), "write()");
        if (!can.wholeValues) continue;
        const builtIn = t.builtIn(storage);
        await t.refuses("ERR_SESSION_UNSUPPORTED", () => builtIn.set(id, "changed", options), "set()");
        await t.refuses("ERR_SESSION_UNSUPPORTED", () => builtIn.setJson(id, {}, options), "setJson()");
      }
      await t.holds(storage, id, "content", "after the refusals");
    },
  }),

  ...when(can.conditional, {
    C5_a_write_for_the_current_revision_succeeds: async (t) => {
      const storage = await t.open();
      const id = t.id();
      let revision = await t.put(storage, id, "0", { ifRevision: null });
      for (let round = 1; round <= 5; round += 1) {
        const next = await t.put(storage, id, String(round), { ifRevision: revision });
        different(next, revision, "the new revision");
        revision = next;
      }
      await t.holds(storage, id, "5", "after the last");
    },

    C5_a_write_for_another_revision_conflicts_and_changes_nothing: async (t) => {
      const storage = await t.open({});
      const id = t.id();
      const stale = await t.put(storage, id, "first");
      const current = await t.put(storage, id, "second");
      for (const ifRevision of [stale, null, "", "no such revision", `${current} `, current.slice(0, -1)]) {
        const what = `a write with ifRevision ${ifRevision === null ? "null" : "of another revision"}`;
        await t.refuses("ERR_SESSION_CONFLICT", () => t.put(storage, id, "third", { ifRevision }), what);
        await t.holds(storage, id, "second", `after ${what}`);
        equal((await t.infoOf(storage, id)).revision, current, "the revision");
      }
      await t.put(storage, id, "third", { ifRevision: current });
      await t.holds(storage, id, "third", "after a write for the current revision");
    },

    C5_a_write_for_a_revision_of_a_missing_session_conflicts: async (t) => {
      const storage = await t.open();
      const id = t.id();
      const revision = await t.put(storage, id, "content");
      await storage.invalidate(id);
      const write = (): Promise<string> => t.put(storage, id, "back", { ifRevision: revision });
      await t.refuses("ERR_SESSION_CONFLICT", write, "a write for the revision of an invalidated session");
      await t.gone(storage, id, "after it");
      await t.put(storage, id, "content", { ifRevision: null });
      await t.refuses(
        "ERR_SESSION_CONFLICT",
        write,
        "the same once the session was made anew with this content",
      );
      await t.holds(storage, id, "content", "after it");
    },

    C5_the_condition_is_checked_when_the_write_commits: async (t) => {
      const storage = await t.open();
      const id = t.id();
      const revision = await t.put(storage, id, "first");
      const write = await OpenWrite.begin(storage, id, { ifRevision: revision });
      await write.send("conditional");
      await t.put(storage, id, "meanwhile");
      await t.refuses("ERR_SESSION_CONFLICT", () => write.end(), "the conditional write");
      await t.holds(storage, id, "meanwhile", "after it");

      const fresh = t.id();
      const create = await OpenWrite.begin(storage, fresh, { ifRevision: null });
      await create.send("conditional");
      await t.put(storage, fresh, "meanwhile");
      await t.refuses("ERR_SESSION_CONFLICT", () => create.end(), "the write for no session");
      await t.holds(storage, fresh, "meanwhile", "after it");
    },

    C5_of_many_updates_of_one_revision_exactly_one_wins: async (t) => {
      const storage = await t.open();
      for (let round = 0; round < 5; round += 1) {
        const id = t.id();
        await race(t, storage, id, await t.put(storage, id, "before"));
      }
    },

    C5_of_many_creations_exactly_one_wins: async (t) => {
      const storage = await t.open();
      for (let round = 0; round < 5; round += 1) await race(t, storage, t.id(), null);
    },

    C5_a_counter_kept_by_conditional_writes_loses_nothing: async (t) => {
      const storage = await t.open();
      const id = t.id();
      await t.put(storage, id, "0");
      const increment = async (): Promise<void> => {
        for (let attempt = 0; attempt < 100; attempt += 1) {
          const [count, revision] = await storage.read(id, async (channel, info) => [
            Number(await new Response(channel).text()),
            info.revision,
          ]);
          try {
            await t.put(storage, id, String(count + 1), { ifRevision: revision });
            return;
          } catch (error) {
            await t.refuses("ERR_SESSION_CONFLICT", () => Promise.reject(error), "an increment");
          }
        }
        fail("an increment met a conflict 100 times, with 11 others at work");
      };
      await Promise.all(Array.from({ length: 12 }, increment));
      await t.holds(storage, id, "12", "after 12 increments at once");
    },
  }),

  ...when(can.conditional && can.wholeValues, {
    C5_whole_values_keep_the_condition_too: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      const first = await storage.set(id, "first", { ifRevision: null });
      const second = await storage.set(id, utf8("second"), { ifRevision: first });
      const third = await storage.setJson(id, { at: 3 }, { ifRevision: second });
      await t.refuses("ERR_SESSION_CONFLICT", () => storage.set(id, "no", { ifRevision: second }), "set()");
      await t.refuses("ERR_SESSION_CONFLICT", () => storage.set(id, "no", { ifRevision: null }), "set()");
      await t.refuses(
        "ERR_SESSION_CONFLICT",
        () => storage.setJson(id, 0, { ifRevision: first }),
        "setJson()",
      );
      equal((await storage.info(id))?.revision, third, "the revision");
      equal(await storage.getJson(id), { at: 3 }, "the value");
    },

    C5_of_many_sets_exactly_one_wins: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      for (const ifRevision of [null, undefined] as const) {
        const expected = ifRevision === null ? null : await storage.set(id, "before");
        const results = await Promise.allSettled(
          Array.from({ length: 10 }, (_, at) => storage.set(id, `writer ${at}`, { ifRevision: expected })),
        );
        equal(results.filter((result) => result.status === "fulfilled").length, 1, "how many of 10 won");
      }
    },

    C5_touch_makes_no_revision: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      const revision = await storage.set(id, "content");
      equal(await storage.touch(id), true, "touch()");
      equal((await storage.info(id))?.revision, revision, "the revision after a touch");
      await storage.set(id, "next", { ifRevision: revision });
    },
  }),

  ...when(can.conditional && can.shared, {
    C5_of_many_conditional_writes_on_two_sides_exactly_one_wins: async (t) => {
      const here = await t.open();
      const there = await t.join(here);
      const id = t.id();
      await race(t, here, id, null, there);
      await race(t, here, id, await t.put(there, id, "before"), there);
    },
  }),

  ...when(can.wholeValues, {
    C5_the_storage_declares_what_it_can_do: async (t) => {
      const { capabilities } = await t.openBuiltIn();
      for (const name of ["streams", "conditional", "tags", "durable", "shared"] as const) {
        equal(capabilities[name], can[name], `capabilities.${name} against what the kit was told`);
      }
    },

    C5_every_error_has_a_code_of_the_contract: async (t) => {
      const storage = await t.openBuiltIn();
      await t.refuses(CODES, () => storage.read(t.id(), () => {}), "read() of a missing session");
      await t.refuses(CODES, () => storage.set("", "content"), "set() with a bad id");
      await t.refuses(CODES, () => storage.set(t.id(), 5 as never), "set() of a number");
    },
  }),
});
