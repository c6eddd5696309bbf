import { codeOf } from "./node-fs.js";
import type { Job } from "./steps.js";

/** The names that lead to a folder, on the disk: without them a power cut takes what was synced within it. */
export class Ways {
  readonly #synced = new Set<string>();

  /** Syncs every folder that leads to this one, unless that was done. */
  *sync(folder: string, sync: (path: string) => Job<void>): Job<void> {
    const synced = [];
    for (let path = folder; !this.#synced.has(path);) {
      synced.push(path);
      const above = path.replace(/[/\\]?[^/\\]*$/, "") || "/";
      if (above === path) break;
      try {
        yield* sync(above);
      } catch (error) {
        // Whoever may not read a folder has not made what is in it.
        if (codeOf(error) === "EACCES") break;
        throw error;
      }
      path = above;
    }
    for (const path of synced) this.#synced.add(path);
  }

  /** A folder was made: perhaps with those that lead to it. */
  forget(): void {
    this.#synced.clear();
  }
}
