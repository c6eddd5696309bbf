// Where the files of a run are: fresh folders below one of its own.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const REST_MS = 200;

/**
 * Calls `work` with the folders of a run, and removes them all after it, not before: where thousands of files
 * have just been deleted, the file system makes the next ones more slowly.
 */
export async function withFolders(place, work) {
  const own = mkdtempSync(join(resolve(place ?? tmpdir()), "sessile-bench-"));
  const remove = () => rmSync(own, { recursive: true, force: true });
  const stop = () => process.exit(1);
  const watch = (method) => {
    process[method]("exit", remove);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process[method](signal, stop);
  };
  let count = 0;
  /** An empty folder whose name was never there before. */
  const fresh = (name) => {
    const folder = join(own, `${(count += 1)}-${name.replaceAll(/[^a-z]+/gi, "-")}`);
    mkdirSync(folder);
    return folder;
  };
  watch("on");
  try {
    return await work({ own, fresh });
  } finally {
    remove();
    watch("off");
  }
}

/** Lets the disk write what it still has to, so that nobody pays for what another has written. */
export async function rest() {
  if (process.platform !== "win32") execFileSync("sync");
  await pause(REST_MS);
}
