import type { WriteOptions } from "../types.js";
import { equal } from "./assertions.js";
import type { FactoryOptions } from "./capabilities.js";
import { when, type Rule } from "./rule.js";
import type { Trial } from "./trial.js";

const century = 36_500 * 86_400_000;

const badDurations: readonly unknown[] = [
  0,
  -0,
  -1,
  -60_000,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  century + 1,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_VALUE,
  "",
  "5",
  "m",
  "ms",
  "0s",
  "0ms",
  "-5m",
  "5 m",
  " 5m",
  "5m ",
  "5M",
  "5min",
  "5y",
  "5w",
  "1h30m",
  "5m\u0000",
  "５m",
  "٥m",
  "NaNms",
  "Infinityd",
  "0x10m",
  "5,5m",
  "36501d",
  "876001h",
  "99999999999999999999d",
  `${"9".repeat(400)}d`,
  "__proto__",
  true,
  false,
  {},
  [],
  [5],
  ["5m"],
  5n,
  Symbol("5m"),
  () => 5,
  new Date(5),
  { valueOf: () => 5 },
];

const goodDurations = [
  1,
  1_000,
  2 ** 31,
  2 ** 32,
  century,
  "500ms",
  "90s",
  "30m",
  "12h",
  "7d",
  "36500d",
] as const;

const badTags: readonly (readonly [string, unknown])[] = [
  ["an empty tag", [""]],
  ["a tag of 1,025 bytes", ["x".repeat(1_025)]],
  ["a tag of 513 two-byte letters", ["é".repeat(513)]],
  ["a lone surrogate", ["\ud83c"]],
  ["a tag that is no string", [5]],
  ["a tag that is undefined", [undefined]],
  ["a good tag and a bad one", ["good", ""]],
  ["65 tags", Array.from({ length: 65 }, (_, at) => `tag ${at}`)],
  ["a string", "ada"],
  ["a number", 5],
  ["an object", {}],
  ["a list with a hole", Array.from({ length: 2 }, () => undefined)],
];

/** A factory may refuse at once; one that loads later may refuse at the first call. Neither goes on. */
async function refusedOptions(t: Trial, options: Record<string, unknown>, what: string): Promise<void> {
  const use = async (): Promise<void> => {
    const storage = await t.open(options as Partial<FactoryOptions>);
    await t.put(storage, t.id(), "content");
  };
  await t.refuses("ERR_SESSION_INVALID_OPTION", use, what);
}

async function refusedWrite(t: Trial, attempts: readonly (readonly [string, WriteOptions])[]): Promise<void> {
  const storage = await t.open();
  const id = t.id();
  const revision = await t.put(storage, id, "content");
  for (const [what, options] of attempts) {
    const fresh = t.id();
    const code = "ERR_SESSION_INVALID_OPTION";
    await t.refuses(code, () => t.put(storage, id, "changed", options), `write() with ${what}`);
    await t.refuses(
      code,
      () => t.put(storage, fresh, "new", options),
      `write() of a new session with ${what}`,
    );
    if (t.can.wholeValues) {
      const builtIn = t.builtIn(storage);
      await t.refuses(code, () => builtIn.set(id, "changed", options), `set() with ${what}`);
      await t.refuses(code, () => builtIn.setJson(id, {}, options), `setJson() with ${what}`);
    }
    await t.gone(storage, fresh, `a new session with ${what}`);
  }
  await t.holds(storage, id, "content", "after the refusals");
  equal((await t.infoOf(storage, id)).revision, revision, "the revision after the refusals");
  await t.put(storage, id, "next");
  await t.holds(storage, id, "next", "the next write");
}

const named = (value: unknown): string =>
  `${typeof value} ${JSON.stringify(value, (_, part) => text(part)) ?? ""}`;

function text(part: unknown): unknown {
  if (typeof part === "bigint" || typeof part === "symbol" || typeof part === "number") return String(part);
  return typeof part === "string" && part.length > 30 ? `${part.slice(0, 30)}…` : part;
}

export const options: Rule = (can) => ({
  ...when(can.timeouts, {
    C11_a_duration_that_is_none_is_refused: (t) =>
      refusedWrite(
        t,
        badDurations.flatMap((bad) => [
          [`idleTimeout: ${named(bad)}`, { idleTimeout: bad as never }] as const,
          [`absoluteTimeout: ${named(bad)}`, { absoluteTimeout: bad as never }] as const,
        ]),
      ),

    C11_a_good_duration_is_taken: async (t) => {
      const storage = await t.open();
      const id = t.id();
      for (const duration of goodDurations) {
        await t.put(storage, id, "content", { idleTimeout: duration, absoluteTimeout: duration });
        const there = await t.open({ idleTimeout: duration, absoluteTimeout: duration });
        await t.put(there, id, "content");
        if (can.clock || (duration !== 1 && duration !== "500ms")) {
          await t.holds(there, id, "content", `with ${duration}`);
        }
      }
    },

    C11_each_unit_of_a_duration_is_what_it_says: async (t) => {
      const storage = await t.open();
      const id = t.id();
      const units = {
        "1500ms": 1_500,
        "90s": 90_000,
        "30m": 1_800_000,
        "12h": 43_200_000,
        "7d": 604_800_000,
      };
      for (const [duration, milliseconds] of Object.entries(units)) {
        await t.put(storage, id, "content", { idleTimeout: duration as "7d" });
        const { createdAt, expiresAt } = await t.infoOf(storage, id);
        if (can.clock) equal((expiresAt ?? 0) - createdAt, milliseconds, `${duration} in milliseconds`);
        await storage.invalidate(id);
      }
    },

    C11_a_storage_is_not_made_with_a_duration_that_is_none: async (t) => {
      for (const bad of badDurations) {
        await refusedOptions(t, { idleTimeout: bad }, `a storage with idleTimeout: ${named(bad)}`);
        await refusedOptions(t, { absoluteTimeout: bad }, `a storage with absoluteTimeout: ${named(bad)}`);
      }
    },
  }),

  ...when(can.conditional, {
    C11_an_ifRevision_that_is_none_is_refused: (t) =>
      refusedWrite(
        t,
        [5, true, {}, [], Symbol("r"), 5n].map((bad) => [
          `ifRevision: ${named(bad)}`,
          { ifRevision: bad as never },
        ]),
      ),
  }),

  ...when(can.tags, {
    C11_tags_that_are_none_are_refused: (t) =>
      refusedWrite(
        t,
        badTags.map(([what, tags]) => [what, { tags: tags as never }]),
      ),
  }),

  ...when(can.limits.maxSessionBytes && can.wholeValues, {
    C11_a_limit_that_is_none_is_refused: async (t) => {
      const limits = [
        "maxSessionBytes",
        ...(can.limits.maxBytes ? ["maxBytes"] : []),
        ...(can.limits.maxSessions ? ["maxSessions"] : []),
      ];
      for (const limit of limits) {
        for (const bad of [-1, Number.NaN, Number.NEGATIVE_INFINITY, "10", true, {}, 10n, Symbol("10")]) {
          await refusedOptions(t, { [limit]: bad }, `a storage with ${limit}: ${named(bad)}`);
        }
      }
    },
  }),

  ...when((can.limits.maxBytes || can.limits.maxSessions) && can.wholeValues, {
    C11_a_whenFull_that_is_none_is_refused: async (t) => {
      for (const bad of ["", "drop", "EVICT", 1, {}, true]) {
        await refusedOptions(t, { whenFull: bad }, `a storage with whenFull: ${named(bad)}`);
      }
    },
  }),

  ...when(can.clock && can.wholeValues, {
    C11_a_clock_that_is_no_function_is_refused: async (t) => {
      for (const bad of [5, "now", {}, true]) {
        await refusedOptions(t, { clock: bad }, `a storage with clock: ${named(bad)}`);
      }
    },
  }),

  C11_an_option_whose_getter_throws_is_passed_on: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    for (const name of ["idleTimeout", "absoluteTimeout", "ifRevision", "tags", "signal"]) {
      const reason = new Error("the getter's own");
      const thrower = Object.defineProperty({}, name, {
        enumerable: true,
        get() {
          throw reason;
        },
      });
      // A storage that cannot do the thing at all need not look.
      const looked =
        { ifRevision: can.conditional, tags: can.tags }[name] ?? (name === "signal" || can.timeouts);
      if (looked)
        await t.passesOn(reason, () => t.put(storage, id, "changed", thrower), `write() with ${name}`);
    }
    await t.holds(storage, id, "content", "after the failures");
  },
});
