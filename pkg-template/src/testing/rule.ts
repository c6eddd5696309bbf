import type { Capabilities } from "./capabilities.js";
import type { Trial } from "./trial.js";

/** Cases by name. A name begins with the rule of the contract that it checks, and does not change. */
export type Cases = Record<string, (t: Trial) => Promise<void>>;

/** The cases of one rule that apply to a storage with these capabilities. */
export type Rule = (can: Capabilities) => Cases;

export function when(applies: boolean, cases: Cases): Cases {
  return applies ? cases : {};
}
