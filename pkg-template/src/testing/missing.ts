import { equal, fail, truth } from "./assertions.js";
import { turns } from "./clock.js";
import { when, type Rule } from "./rule.js";

export const missing: Rule = (can) => ({
  C3_a_session_never_written_is_not_found_and_no_consumer_is_called: async (t) => {
    const storage = await t.open();
    await t.gone(storage, t.id(), "a session never written");
    await t.put(storage, t.id(), "another");
    await t.gone(storage, t.id(), "a session never written, beside another");
  },

  C3_an_invalidated_session_is_not_found: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    await storage.invalidate(id);
    await t.gone(storage, id, "an invalidated session");
  },

  C3_an_empty_session_is_a_session: async (t) => {
    const storage = await t.open();
    const [nothing, zero] = [t.id(), t.id()];
    await storage.write(nothing, () => {});
    await t.holds(storage, nothing, "", "a session whose provider wrote nothing");
    await t.put(storage, zero, new Uint8Array(0));
    await t.holds(storage, zero, "", "a session of 0 bytes");
    equal(await storage.invalidate(nothing), true, "invalidate() of an empty session");
  },

  C3_a_consumer_gets_its_answer_back: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    const answer = { some: "object" };
    for (const value of [answer, undefined, null, 0, false, "text", Symbol("answer")]) {
      truth(
        Object.is(await storage.read(id, () => value), value),
        "read() changed what the consumer returned",
      );
      truth(
        Object.is(await storage.read(id, async () => value), value),
        "read() changed what the consumer resolved with",
      );
    }
    const thenable: PromiseLike<string> = {
      then: (resolve) => Promise.resolve("from a thenable").then(resolve),
    };
    equal(await storage.read(id, () => thenable), "from a thenable", "what a thenable resolved with");
  },

  C3_a_consumer_that_throws_is_passed_on_by_identity: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    for (const reason of [
      new Error("the consumer's own"),
      undefined,
      null,
      0,
      "a string",
      Symbol("reason"),
    ]) {
      const thrower = (): never => {
        throw reason;
      };
      await t.passesOn(reason, () => storage.read(id, thrower), "read() with a consumer that throws");
      await t.passesOn(
        reason,
        () => storage.read(id, () => Promise.reject(reason)),
        "read() with a consumer that rejects",
      );
    }
    await t.holds(storage, id, "content", "after the failures");
  },

  C3_a_not_found_of_the_consumer_is_told_from_the_storages_own: async (t) => {
    const storage = await t.open();
    const [id, other] = [t.id(), t.id()];
    await t.put(storage, id, "content");
    const own = Object.assign(new Error("the consumer's own"), { code: "ERR_SESSION_NOT_FOUND" });
    await t.passesOn(own, () => storage.read(id, () => Promise.reject(own)), "read()");
    // The storage's own error about another session, met inside the consumer, is the consumer's too.
    let inner: unknown;
    const nested = (): Promise<void> =>
      storage.read(id, async () => {
        try {
          await storage.read(other, () => fail("the consumer of a missing session was called"));
        } catch (error) {
          inner = error;
          throw error;
        }
      });
    const outer = await t.refuses("ERR_SESSION_NOT_FOUND", nested, "a read inside a read");
    truth(Object.is(outer, inner), "the inner error was not passed on as it is");
  },

  C3_reading_creates_nothing: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.gone(storage, id, "the first time");
    await turns();
    await t.gone(storage, id, "the second time");
    equal(await storage.invalidate(id), false, "invalidate() of a session only ever read");
  },

  ...when(can.housekeeping, {
    C3_reading_a_missing_session_is_not_counted: async (t) => {
      const storage = await t.openBuiltIn();
      const before = await storage.stats();
      for (let round = 0; round < 10; round += 1) await t.gone(storage, t.id(), "a missing session");
      const after = await storage.stats();
      equal(after.sessions, before.sessions, "stats().sessions");
      equal(after.bytes, before.bytes, "stats().bytes");
    },
  }),
});
