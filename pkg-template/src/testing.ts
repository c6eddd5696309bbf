/**
 * The conformance kit: proves that a storage keeps the contract of every session storage, C1 to C13.
 *
 * ```ts
 * import { describe, it } from "node:test"; // or of Vitest, Mocha, bun:test, Deno's bdd
 * import { testSessionStorage } from "sessile/testing";
 *
 * testSessionStorage({ describe, it }, ({ clock }) => new RedisSessions({ clock }), {
 *   conditional: true, // it keeps `ifRevision`
 *   timeouts: true, // it keeps both timeouts
 *   clock: true, // and takes its time from `clock`
 * });
 * ```
 *
 * A storage needs no more than `write`, `read` and `invalidate`; `{}` describes one. What it does not
 * declare it must refuse with `ERR_SESSION_UNSUPPORTED`, and the kit looks whether it does. The kit
 * never sleeps, and brings no test runner and no WebAssembly.
 *
 * @module
 */
import { atomicity } from "./testing/atomicity.js";
import { bounds } from "./testing/bounds.js";
import {
  complete,
  type StorageFactory,
  type TestedCapabilities,
  type TestRunner,
} from "./testing/capabilities.js";
import { channel } from "./testing/channel.js";
import { corruption } from "./testing/corruption.js";
import { durability } from "./testing/durability.js";
import { expiry } from "./testing/expiry.js";
import { ids } from "./testing/ids.js";
import { invalidation } from "./testing/invalidation.js";
import { isolation } from "./testing/isolation.js";
import { missing } from "./testing/missing.js";
import { model } from "./testing/model.js";
import { options } from "./testing/options.js";
import { revisions } from "./testing/revisions.js";
import { robustness } from "./testing/robustness.js";
import type { Rule } from "./testing/rule.js";
import { tags } from "./testing/tags.js";
import { runTrial } from "./testing/trial.js";
import { values } from "./testing/values.js";
import type { SessionStorage } from "./types.js";

export { ConformanceError } from "./testing/assertions.js";
export type {
  FactoryOptions,
  StorageFactory,
  TestedCapabilities,
  TestedLimits,
  TestRunner,
} from "./testing/capabilities.js";

const titles: Readonly<Record<string, string>> = {
  C1: "C1 all or nothing",
  C2: "C2 one revision per read",
  C3: "C3 missing is a clear answer",
  C4: "C4 invalidate is final",
  C5: "C5 revisions",
  C6: "C6 the storage owns the channel",
  C7: "C7 two clocks",
  C8: "C8 ids",
  C9: "C9 read your writes",
  C10: "C10 bounded",
  C11: "C11 no poison",
  C12: "C12 corruption is contained",
  C13: "C13 tags",
};

const rules: readonly Rule[] = [
  atomicity,
  isolation,
  missing,
  invalidation,
  revisions,
  channel,
  expiry,
  ids,
  durability,
  values,
  model,
  bounds,
  options,
  robustness,
  corruption,
  tags,
];

/**
 * Defines the cases for a storage: one group per rule of the contract, in which every case's name
 * begins with the rule and stays the same from release to release.
 *
 * @param runner the `describe` and `it` of any test runner
 * @param factory makes a fresh, empty storage that takes its time from `options.clock`
 * @param capabilities what the storage can do; what is left out it must refuse
 */
export function testSessionStorage<S extends SessionStorage>(
  runner: TestRunner,
  factory: StorageFactory<S>,
  capabilities: TestedCapabilities<S>,
): void {
  const can = complete(capabilities);
  const cases = rules.flatMap((rule) => Object.entries(rule(can)));
  for (const [rule, title] of Object.entries(titles)) {
    const own = cases.filter(([name]) => name.startsWith(`${rule}_`));
    // Some runners take a group without cases for a mistake.
    if (own.length === 0) continue;
    runner.describe(title, () => {
      for (const [name, run] of own) runner.it(name, () => runTrial(factory, can, run));
    });
  }
}
