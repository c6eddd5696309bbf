import type { BuiltInStorage, SessionStorage } from "../types.js";
import { equal, truth } from "./assertions.js";
import { drain, pattern } from "./bytes.js";
import { when, type Rule } from "./rule.js";
import type { Trial } from "./trial.js";

type Call = (id: never) => Promise<unknown>;

/** Every method that takes an id. */
function callsOf(t: Trial, storage: SessionStorage): Record<string, Call> {
  const builtIn: BuiltInStorage = t.builtIn(storage);
  const calls: Record<string, Call> = {
    write: (id) => storage.write(id, () => {}),
    read: (id) => storage.read(id, drain),
    invalidate: (id) => storage.invalidate(id),
  };
  if (!t.can.wholeValues) return calls;
  return {
    ...calls,
    get: (id) => builtIn.get(id),
    set: (id) => builtIn.set(id, "content"),
    getJson: (id) => builtIn.getJson(id),
    setJson: (id) => builtIn.setJson(id, {}),
    info: (id) => builtIn.info(id),
    touch: (id) => builtIn.touch(id),
  };
}

async function refusedEverywhere(t: Trial, ids: readonly (readonly [string, unknown])[]): Promise<void> {
  const storage = await t.open();
  const id = t.id();
  await t.put(storage, id, "content");
  for (const [kind, bad] of ids) {
    if (typeof bad === "string" && bad.length >= 8) t.secret(bad);
    for (const [method, call] of Object.entries(callsOf(t, storage))) {
      await t.refuses("ERR_SESSION_INVALID_ID", () => call(bad as never), `${method}() with ${kind}`);
    }
    await t.holds(storage, id, "content", `after ${kind}`);
  }
  await t.put(storage, id, "next");
  await t.holds(storage, id, "next", "the next write");
}

/** Ids that an implementation may be tempted to fold, cut, escape or take as something else. */
const confusable: readonly (readonly string[])[] = [
  ["é", "e\u0301", "E\u0301", "e", "É"],
  ["ﬁ", "fi", "FI", "Ｆｉ"],
  ["\u212b", "\u00c5", "A\u030a"],
  ["a", "A", " a", "a ", "a\u0000", "\u0000a", "a\u0000b", "a\u200b"],
  ["ß", "ss", "SS", "ẞ"],
  ["🌍", "🌎", "\ud83c\udf0d\ufe0f"],
  [
    "..",
    ".",
    "../a",
    "..\\a",
    "a/b",
    "a%2Fb",
    "a\\b",
    "/",
    "C:a",
    "con",
    "a:b",
    "a*b?",
    "<a>",
    "!",
    "a\nb",
    "a\r\nb",
  ],
  ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "then"],
  ["0", "00", "-0", "1e3", "1000", "null", "undefined", "true", "NaN", "[object Object]"],
];

export const ids: Rule = (can) => ({
  C8_an_empty_id_is_refused: (t) => refusedEverywhere(t, [["an empty id", ""]]),

  C8_an_id_that_is_no_string_is_refused: (t) =>
    refusedEverywhere(t, [
      ["undefined", undefined],
      ["null", null],
      ["a number", 42],
      ["a boolean", true],
      ["a bigint", 10n],
      ["a symbol", Symbol("id")],
      ["an array", ["some-session-id"]],
      ["an object", { toString: () => "some-session-id" }],
      ["a function", () => "some-session-id"],
      ["a String object", new String("some-session-id")],
      ["bytes", new Uint8Array(16)],
    ]),

  C8_an_id_of_more_than_1024_bytes_is_refused: (t) =>
    refusedEverywhere(t, [
      ["1,025 letters", "x".repeat(1_025)],
      ["513 letters of two bytes", "é".repeat(513)],
      ["342 letters of three bytes", "ह".repeat(342)],
      ["257 letters of four bytes", "🌍".repeat(257)],
      ["100,000 letters", "y".repeat(100_000)],
    ]),

  C8_an_id_with_a_lone_surrogate_is_refused: (t) =>
    refusedEverywhere(t, [
      ["a high surrogate alone", "\ud83c"],
      ["a low surrogate alone", "\udf0d"],
      ["a high surrogate at the end", "some-session\ud83c"],
      ["a low surrogate at the start", "\udf0dsome-session"],
      ["surrogates the wrong way round", "some-\udf0d\ud83c-session"],
      ["a high surrogate before a letter", "some-\ud83cx-session"],
      ["an id as long as allowed with a surrogate", `${"z".repeat(1_000)}\ud800`],
    ]),

  C8_an_id_of_up_to_1024_bytes_is_taken: async (t) => {
    const storage = await t.open();
    const longest = ["x".repeat(1_024), "é".repeat(512), "ह".repeat(341), "🌍".repeat(256), "x"];
    for (const [at, id] of longest.entries()) await t.put(storage, t.secret(id), `content ${at}`);
    for (const [at, id] of longest.entries()) await t.holds(storage, id, `content ${at}`, `id ${at}`);
    for (const id of longest) equal(await storage.invalidate(id), true, "invalidate()");
    for (const id of longest) await t.gone(storage, id, "after it");
  },

  C8_ids_that_look_alike_are_different_sessions: async (t) => {
    const storage = await t.open();
    const every = confusable.flat();
    for (const id of every) await t.gone(storage, id, "before it was written");
    for (const [at, id] of every.entries()) await t.put(storage, id, `content ${at}`);
    for (const [at, id] of every.entries()) await t.holds(storage, id, `content ${at}`, `id ${at}`);
    for (const [at, id] of every.entries()) {
      equal(await storage.invalidate(id), true, `invalidate() of id ${at}`);
      await t.gone(storage, id, `id ${at} after it`);
      const next = every[at + 1];
      if (next !== undefined)
        await t.holds(storage, next, `content ${at + 1}`, `id ${at + 1} after the one before`);
    }
    equal(Object.getPrototypeOf({}), Object.prototype, "the prototype of all objects");
  },

  C8_ids_that_begin_alike_are_different_sessions: async (t) => {
    const storage = await t.open();
    const stem = t.id("s".repeat(900));
    const every = Array.from({ length: 60 }, (_, at) => stem + "x".repeat(at));
    for (const [at, id] of every.entries()) await t.put(storage, id, pattern(at + 1));
    for (const [at, id] of every.entries()) await t.holds(storage, id, pattern(at + 1), `id ${at}`);
  },

  C8_no_error_gives_an_id_away: async (t) => {
    const storage = await t.open(can.limits.maxSessionBytes ? { maxSessionBytes: 100 } : {});
    const id = t.id();
    // Each of these is looked through for the id, with its stack, its properties and its causes.
    await t.refuses("ERR_SESSION_NOT_FOUND", () => storage.read(id, drain), "read() of a missing session");
    await t.refuses(
      "ERR_SESSION_INVALID_ID",
      () => storage.read(t.id("\ud800"), drain),
      "read() with a bad id",
    );
    await t.refuses(
      "ERR_SESSION_INVALID_ID",
      () => storage.invalidate(t.id("l".repeat(1_024))),
      "invalidate()",
    );
    if (can.conditional) {
      const write = (): Promise<string> => t.put(storage, id, "content", { ifRevision: "other" });
      await t.refuses("ERR_SESSION_CONFLICT", write, "a conflict");
    }
    if (can.limits.maxSessionBytes) {
      await t.refuses("ERR_SESSION_TOO_LARGE", () => t.put(storage, id, pattern(101)), "too much content");
    }
    if (can.wholeValues) {
      const builtIn = t.builtIn(storage);
      await builtIn.set(id, "no JSON");
      await t.refuses("ERR_SESSION_CORRUPT", () => builtIn.getJson(id), "getJson() of no JSON");
      await builtIn.close();
      await t.refuses("ERR_SESSION_CLOSED", () => builtIn.get(id), "get() after close()");
    }
  },

  C8_no_info_gives_an_id_away: async (t) => {
    const storage = await t.open();
    const id = t.id();
    const revision = await t.put(storage, id, "content");
    truth(!revision.includes(id), "the revision contains the id");
    truth(!JSON.stringify(await t.infoOf(storage, id)).includes(id), "the info contains the id");
    if (!can.wholeValues) return;
    truth(
      !JSON.stringify(
        await t
          .builtIn(storage)
          .stats()
          .catch(() => 0),
      ).includes(id),
      "stats() contain the id",
    );
  },

  ...when(can.generateSessionId !== undefined, {
    C8_generated_ids_are_256_random_bits: async (t) => {
      const generate = can.generateSessionId as () => string;
      const seen = new Set<string>();
      const ones = new Array<number>(256).fill(0);
      const count = 10_000;
      for (let round = 0; round < count; round += 1) {
        const id = generate();
        truth(/^[A-Za-z0-9_-]{43}$/.test(id), "an id is not 43 characters of base64url");
        seen.add(id);
        const bytes = Uint8Array.from(atob(`${id.replaceAll("-", "+").replaceAll("_", "/")}=`), (letter) =>
          letter.charCodeAt(0),
        );
        for (let bit = 0; bit < 256; bit += 1) {
          if (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1) ones[bit] = (ones[bit] ?? 0) + 1;
        }
      }
      equal(seen.size, count, `how many of ${count} ids were different`);
      // Seven standard deviations: a fair bit leaves these bounds once in 10^11 times.
      for (const [bit, times] of ones.entries()) {
        truth(Math.abs(times - count / 2) < 350, `bit ${bit} was set in ${times} of ${count} ids`);
      }
      const storage = await t.open();
      const id = t.secret(generate());
      await t.put(storage, id, "content");
      await t.holds(storage, id, "content", "a session under a generated id");
    },
  }),
});
