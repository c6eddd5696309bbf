// What the writers of a browser have told before it was killed, and what may be there afterwards.

export const RULES = {
  whole: "a read gives every byte of one write, and nothing else (C1, C2)",
  kept: "no strict write that was acknowledged is gone (C9)",
  final: "what was invalidated, strictly and with an acknowledgement, is not seen again (C4)",
  chain: "of two conditional writes on one revision only one succeeds (C5)",
  refused: "a write that failed is never seen (C1)",
  tags: "every session is listed under its tags, once (C13)",
  served: "no call fails but by a conflict",
  counted: "as many sessions are counted as can be read",
  swept:
    "after a sweep there are the sessions that were there, their chunks and their tags, and nothing else",
};

/** The largest content that lies in its record, and the length of the chunks in which a larger one lies. */
const WHOLE = 60 * 1024;
const CHUNK = 32 * 1024;

export class Ledger {
  life = 0;
  #rules;
  #ready = new Set();
  /** The highest number that was acknowledged, of each session: to anybody, and to those whose writes are strict. */
  #highest = new Map();
  #strict = new Map();
  /** The highest number whose invalidation was acknowledged to a strict writer. */
  #invalidated = new Map();
  /** The numbers of the shared session that were acknowledged, and to whom. */
  #links = new Map();
  #counts = { acknowledged: 0, invalidated: 0, tried: 0, lost: 0, dropped: 0 };
  #isDeleted = false;

  constructor(rules) {
    this.#rules = rules;
  }

  get ready() {
    return this.#ready.size;
  }

  get told() {
    const { acknowledged, invalidated, tried, lost, dropped } = this.#counts;
    return (
      `${acknowledged} writes and ${invalidated} invalidates acknowledged, ${tried} that had to fail; ` +
      `${lost} relaxed ones lost` +
      (dropped > 0 ? `; the engine dropped its whole database ${dropped} times` : "")
    );
  }

  /** Another browser begins: what an earlier one still tells is too late. */
  begin() {
    this.life += 1;
    this.#ready.clear();
  }

  take(line) {
    if (line.life !== this.life) return;
    const { id, name, durability, number } = line;
    const isStrict = durability === "strict";
    if (line.ready) this.#ready.add(name);
    if (line.torn) this.#rules.check("whole", false, () => `${line.torn}, as ${name} found it`);
    if (line.tried) this.#counts.tried += 1;
    this.#rules.check("served", line.failure === undefined, () => line.failure);
    if (line.invalidated !== undefined) {
      this.#counts.invalidated += 1;
      if (isStrict) raise(this.#invalidated, id, line.invalidated);
      raise(this.#highest, id, line.invalidated);
    }
    if (number === undefined) return;
    this.#counts.acknowledged += 1;
    if (id === "shared") {
      const other = this.#links.get(number);
      this.#rules.check("chain", other === undefined, () => `${number} to ${other} and ${name}`);
      this.#links.set(number, name);
    }
    raise(this.#highest, id, number);
    if (isStrict) raise(this.#strict, id, number);
  }

  /** The engine has said that it found its own files spoiled by a kill, and deleted the whole database. */
  hasDeleted() {
    this.#isDeleted = true;
  }

  /** What a browser that was started anew has found. */
  check({ found, listed, sessions }) {
    const isDeleted = this.#isDeleted && Object.keys(found).length === 0;
    this.#isDeleted = false;
    if (isDeleted) {
      this.#counts.dropped += 1;
      for (const numbers of [this.#highest, this.#strict, this.#invalidated]) numbers.clear();
    }
    for (const [id, { what, why }] of Object.entries(found)) {
      this.#rules.check(
        "whole",
        what !== "torn" && what.id === id,
        () => `${id}: ${why ?? "not its content"}`,
      );
    }
    for (const [id, number] of this.#strict) {
      // It may have been invalidated by a call that had no time to tell.
      if (id.startsWith("life")) continue;
      this.#rules.check("kept", found[id]?.what.number >= number, () => {
        return `${id} is at ${found[id]?.what.number}, but ${number} was acknowledged`;
      });
    }
    for (const [id, number] of this.#invalidated) {
      this.#rules.check("final", !(found[id]?.what.number <= number), () => {
        return `${id} is at ${found[id].what.number}, but ${number} was invalidated`;
      });
    }
    for (const [id, { what }] of Object.entries(found)) {
      if (!id.startsWith("refused")) continue;
      this.#rules.check(
        "refused",
        what.number === 1,
        () => `${id} has the content of its try ${what.number}`,
      );
    }
    for (const [tag, revisions] of Object.entries(listed)) {
      const own = Object.values(found).filter(({ tags }) => tags.includes(tag));
      const isSame =
        own.length === revisions.length && own.every(({ revision }) => revisions.includes(revision));
      this.#rules.check("tags", isSame, () => `${revisions.length} under ${tag}, ${own.length} carry it`);
    }
    const count = Object.keys(found).length;
    this.#rules.check("counted", sessions === count, () => `${sessions} are counted, ${count} are there`);
    this.#settle(found);
  }

  /** What was acknowledged to relaxed writers may be lost: from here on, what is there counts. */
  #settle(found) {
    for (const [id, number] of this.#highest) {
      const there = found[id]?.what.number ?? 0;
      if (!id.startsWith("life") && there < number) this.#counts.lost += 1;
    }
    for (const numbers of [this.#highest, this.#strict, this.#invalidated, this.#links]) numbers.clear();
    for (const [id, { what }] of Object.entries(found)) this.#strict.set(id, what.number);
  }

  /** Of so many kills. */
  checkSwept({ before, after, stored }, kills) {
    const { dropped } = this.#counts;
    this.#rules.check(
      "kept",
      dropped * 2 < Math.max(kills, 2),
      () => `the database was dropped ${dropped} times, so that little was tested`,
    );
    const same = JSON.stringify(before.found) === JSON.stringify(after.found);
    this.#rules.check("swept", same, () => "a sweep has changed the sessions");
    const sessions = Object.values(after.found);
    const lengths = sessions.map(({ what }) => Math.max(what.length, 512)).filter((length) => length > WHOLE);
    const expected = {
      chunks: lengths.reduce((total, length) => total + Math.ceil(length / CHUNK), 0),
      damaged: 0,
      records: sessions.length,
      stages: 0,
      tags: sessions.reduce((total, { tags }) => total + tags.length, 0),
    };
    for (const [store, count] of Object.entries(expected)) {
      this.#rules.check("swept", stored[store] === count, () => `${stored[store]} ${store}, not ${count}`);
    }
  }
}

function raise(numbers, id, number) {
  numbers.set(id, Math.max(numbers.get(id) ?? 0, number));
}
