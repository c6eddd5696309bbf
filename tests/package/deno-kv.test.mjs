// `DenoKvStorage` in a file that several processes of Deno use. For Deno alone.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DenoKvStorage } from "sessile/deno-kv";
import { equal } from "./expect.mjs";
import { makeFolder, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

/** A process that counts; `acknowledged` is the last count that it has been told is stored. */
function counting(file, times) {
  const child = join(import.meta.dirname, "deno-kv-child.mjs");
  const flags = ["run", "--allow-all", "--no-prompt", "--unstable-kv"];
  const started = spawn(globalThis.Deno.execPath(), [...flags, child, file, String(times)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const counter = { acknowledged: 0, ended: once(started, "close"), kill: () => started.kill("SIGKILL") };
  counter.begun = new Promise((resolve) => {
    started.stdout.on("data", (lines) => {
      counter.acknowledged = Number(String(lines).trim().split("\n").at(-1));
      if (counter.acknowledged >= 20) resolve();
    });
  });
  return counter;
}

async function withFile(work) {
  const folder = makeFolder();
  try {
    await work(join(folder, "sessions.sqlite"));
  } finally {
    removeFolder(folder);
  }
}

async function countIn(file) {
  const kv = await globalThis.Deno.openKv(file);
  try {
    return (await new DenoKvStorage(kv).getJson("counter")).count;
  } finally {
    kv.close();
  }
}

describe("a file of Deno KV", () => {
  it("S1 two processes lose nothing of each other, and the file has it all when they have ended", () =>
    withFile(async (file) => {
      const both = [counting(file, 100), counting(file, 100)];
      for (const { ended } of both) equal((await ended)[0], 0);
      equal(await countIn(file), 200);
    }));

  it("C9 what a process was told is stored is there when it has been killed", () =>
    withFile(async (file) => {
      const counter = counting(file, 1_000_000);
      await counter.begun;
      counter.kill();
      await counter.ended;
      const count = await countIn(file);
      equal(
        count >= counter.acknowledged,
        true,
        `${count} is there, ${counter.acknowledged} was acknowledged`,
      );
    }));
});
