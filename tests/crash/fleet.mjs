// The processes that write: started, stopped, killed, and started again.
import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";

const LONGEST_LIFE = 400;
/** One in ten lives longer, to see what waits for long. */
const LONG_LIFE = 2_000;
const STOP_AT_LEAST = 200;
const STOP_AT_MOST = 2_000;

export class Fleet {
  kills = 0;
  stops = 0;
  #journal;
  #history;
  #rules;
  #random;
  #start;
  #running = new Map();
  #started = 0;

  /** `start(mode, name, slot)` answers a program and its arguments. */
  constructor({ journal, history, rules, random, start }) {
    this.#journal = journal;
    this.#history = history;
    this.#rules = rules;
    this.#random = random;
    this.#start = start;
  }

  /** Goes on with a journal of its own. */
  turnTo(journal) {
    this.#journal = journal;
  }

  /** Keeps `slots` writers at work until this many more have been killed, and calls `watch` all the while. */
  async work(slots, kills, watch) {
    const until = this.kills + kills;
    for (let slot = 0; slot < slots; slot += 1) this.#launch("work", slot);
    while (this.kills < until) {
      this.#history.take(this.#journal.lines());
      const now = performance.now();
      for (const writer of [...this.#running.values()]) {
        if (writer.due === undefined && this.#history.ready.has(writer.name)) writer.due = now + this.#life();
        if (now >= writer.due) this.#strike(writer);
      }
      watch();
      for (const slot of this.#freeSlots(slots)) this.#launch("work", slot);
      await pause(2);
    }
    for (const writer of this.#running.values()) this.#kill(writer);
    await this.#allEnded();
  }

  /** Runs one process to its end, and answers its name. */
  async run(mode) {
    const { name } = this.#launch(mode, 0);
    await this.#allEnded();
    return name;
  }

  /** Leaves nothing running. */
  abandon() {
    for (const { child } of this.#running.values()) child.kill("SIGKILL");
  }

  #life() {
    return this.#random(this.#random(10) === 0 ? LONG_LIFE : LONGEST_LIFE);
  }

  #freeSlots(slots) {
    const taken = new Set([...this.#running.values()].map(({ slot }) => slot));
    return Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !taken.has(slot));
  }

  #launch(mode, slot) {
    const name = `w${(this.#started += 1)}`;
    const [program, ...words] = this.#start(mode, name, slot);
    const child = spawn(program, words, { stdio: ["ignore", "inherit", "pipe"] });
    const writer = { name, slot, child, due: undefined, isStopped: false, isKilled: false, errors: "" };
    child.stderr.on("data", (text) => (writer.errors += text));
    writer.ended = new Promise((resolve) => {
      child.on("error", (error) => (writer.errors += error.message));
      child.on("close", (code, signal) => {
        this.#running.delete(name);
        // No line of its own can follow.
        this.#journal.say("dead", name);
        const isRight = writer.isKilled || (mode !== "work" && code === 0);
        this.#rules.check(
          "alive",
          isRight,
          () => `${name} (${mode}): ${signal ?? code}: ${writer.errors.trim()}`,
        );
        resolve();
      });
    });
    this.#running.set(name, writer);
    return writer;
  }

  #strike(writer) {
    const chance = this.#random(100);
    if (writer.isStopped) this.#continue(writer);
    else if (chance < 14) this.#stop(writer);
    else if (chance < 18) for (const each of this.#running.values()) this.#kill(each);
    else this.#kill(writer);
  }

  #kill(writer) {
    if (writer.isKilled || writer.child.exitCode !== null) return;
    writer.isKilled = true;
    writer.due = Infinity;
    this.kills += 1;
    writer.child.kill("SIGKILL");
  }

  #stop(writer) {
    writer.isStopped = true;
    this.stops += 1;
    writer.child.kill("SIGSTOP");
    this.#journal.say("stopped", writer.name);
    writer.due = performance.now() + STOP_AT_LEAST + this.#random(STOP_AT_MOST - STOP_AT_LEAST);
  }

  #continue(writer) {
    writer.isStopped = false;
    this.#journal.say("continued", writer.name);
    writer.child.kill("SIGCONT");
    writer.due = performance.now() + this.#life();
  }

  async #allEnded() {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    this.#history.take(this.#journal.lines());
  }
}
