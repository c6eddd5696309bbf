// What is checked, each rule by its name, with how often it was applied and the first times it was broken.

const SHOWN = 5;

export const RULES = {
  whole: "a read gives every byte of one write, and nothing else (C1, C2)",
  known: "what is read was written by whom it says, as it says, under one revision",
  refused: "a write that was refused is never seen",
  kept: "nothing is read that an acknowledged call has replaced, nor missing without an invalidate (C9)",
  chain: "of two conditional writes on one revision only one succeeds (C5)",
  counter: "in the end no acknowledged counter is above what is there",
  final: "no write that began before an invalidate is seen after it (C4)",
  active: "a touch that was acknowledged is not undone (C7)",
  tags: "every session is listed under its tags, once (C13)",
  served: "no call fails but by a conflict",
  prompt: "no call waits for long",
  alive: "no process ends unless it is killed",
  token: "no part has two tokens",
  folder: "the folder holds records, tokens, tags, and what a sweep removes",
  swept: "after a sweep there are records, free tokens and the tags of sessions",
};

export class Rules {
  #texts;
  #applied = new Map();
  #broken = new Map();

  /** What each rule says, by its name. */
  constructor(texts) {
    this.#texts = texts;
  }

  check(name, holds, tell) {
    this.#applied.set(name, (this.#applied.get(name) ?? 0) + 1);
    if (holds) return;
    const broken = this.#broken.get(name) ?? [];
    broken.push(broken.length < SHOWN ? tell() : undefined);
    this.#broken.set(name, broken);
  }

  get isBroken() {
    return this.#broken.size > 0;
  }

  /** Prints what came of each rule, and counts them. A rule that was never applied has not been kept. */
  report(log) {
    let failed = 0;
    const rules = Object.entries(this.#texts);
    for (const [name, text] of rules) {
      const applied = this.#applied.get(name) ?? 0;
      const broken = this.#broken.get(name) ?? [];
      if (broken.length === 0 && applied > 0) {
        log(`  ${name.padEnd(8)} ${applied} times: ${text}`);
        continue;
      }
      failed += 1;
      log(`FAILED ${name}: ${text}: ${applied === 0 ? "never applied" : `${broken.length} of ${applied}`}`);
      for (const what of broken.slice(0, SHOWN)) log(`    ${what}`);
    }
    return { passed: rules.length - failed, failed };
  }
}
