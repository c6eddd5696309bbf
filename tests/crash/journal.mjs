// The file to which all processes append their lines, read as it grows.
import { appendFileSync, closeSync, openSync, readSync } from "node:fs";

const BUFFER = Buffer.alloc(1024 * 1024);

export class Journal {
  #file;
  #at = 0;
  #rest = "";

  constructor(path) {
    this.path = path;
    appendFileSync(path, "");
    this.#file = openSync(path, "r");
  }

  /** A line of the harness's own, in the one order of all lines. */
  say(...words) {
    appendFileSync(this.path, `- ${words.join(" ")}\n`);
  }

  /** The whole lines that have come since the last call. */
  *lines() {
    for (;;) {
      const count = readSync(this.#file, BUFFER, 0, BUFFER.length, this.#at);
      if (count === 0) return;
      this.#at += count;
      const lines = (this.#rest + BUFFER.toString("latin1", 0, count)).split("\n");
      this.#rest = lines.pop();
      yield* lines;
    }
  }

  close() {
    closeSync(this.#file);
  }
}
