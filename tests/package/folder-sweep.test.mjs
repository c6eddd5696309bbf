// What one call of sweep() may cost, however much there is to look at.
import fs from "node:fs";
import process from "node:process";
import { DirectoryStorage } from "sessile";
import { equal } from "./expect.mjs";
import { keyOf, makeFolder, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const id = "the-session";
const DAY = 24 * 3_600_000;
/** Names of one kind that a call looks at, and how many of them until others get their turn. */
const AT_MOST = 1_024;
const UNTIL_OTHERS = 16;
const MANY = 2_500;

/** Counts, by wrapping the calls, how often something under a folder is looked at until others get a turn. */
function watchLooks(root) {
  const own = process.getBuiltinModule("node:fs");
  const { openSync, lstatSync } = own;
  const watch = { inTurn: 0, most: 0, stop: () => Object.assign(own, { openSync, lstatSync }) };
  const counting =
    (call) =>
    (path, ...words) => {
      if (String(path).startsWith(root)) watch.most = Math.max(watch.most, (watch.inTurn += 1));
      return call.call(own, path, ...words);
    };
  Object.assign(own, { openSync: counting(openSync), lstatSync: counting(lstatSync) });
  const turn = () => {
    watch.inTurn = 0;
    watch.timer = setImmediate(turn);
  };
  turn();
  return watch;
}

/** Leaves many names of a kind, and answers how many there still are. */
const LEFT = {
  async "entries of one tag"(root) {
    const [folder] = fs.readdirSync(`${root}/tags`);
    const [entry] = fs.readdirSync(`${root}/tags/${folder}`);
    const tag = entry.slice(0, 33);
    for (let number = 0; number < MANY; number += 1)
      fs.writeFileSync(`${root}/tags/${folder}/${tag}${await keyOf(String(number))}`, "");
    return () => fs.readdirSync(`${root}/tags/${folder}`).length - 1;
  },

  async "contents that are staged"(root) {
    fs.mkdirSync(`${root}/staged`);
    for (let number = 0; number < MANY; number += 1) fs.writeFileSync(`${root}/staged/${number}`, "");
    return () => fs.readdirSync(`${root}/staged`).length;
  },
};

describe("one call of sweep()", () => {
  for (const [what, leave] of Object.entries(LEFT)) {
    it(`C10_clears at most ${AT_MOST} ${what}, lets others go on, and the next ones come to all`, async () => {
      const root = makeFolder();
      await new DirectoryStorage(root).set(id, "content", { tags: ["tag"] });
      const left = await leave(root);
      const watch = watchLooks(root);
      const { now } = Date;
      Date.now = () => now.call(Date) + 2 * DAY;
      try {
        const storage = new DirectoryStorage(root, { io: "sync" });
        for (let calls = 0, before = left(); before > 0; calls += 1) {
          equal(calls < 300, true, `whether ${before} are left after ${calls} calls`);
          await storage.sweep();
          const cleared = before - left();
          equal(cleared <= AT_MOST, true, `whether ${cleared} cleared at once are few`);
          before -= cleared;
        }
        equal(watch.most <= 8 * UNTIL_OTHERS, true, `whether ${watch.most} looks in one turn are few`);
        equal((await storage.info(id)).tags.length, 1, "tags of the session");
      } finally {
        Date.now = now;
        clearImmediate(watch.timer);
        watch.stop();
        removeFolder(root);
      }
    });
  }
});
