// Touches of processes that come late: a touch writes into a record, and what was written into a file by one whose turn is over
// must not count.
import fs from "node:fs";
import { DirectoryStorage } from "sessile";
import { equal, same } from "./expect.mjs";
import { leftovers, makeFolder, recordOf, removeFolder } from "./folders.mjs";
import { gate } from "./gates.mjs";
import { describe, it } from "./harness.mjs";

const id = "the-session";
const HOUR = 3_600_000;
/** What a touch writes. */
const ACTIVITY = 12;

/** Holds the next touch back as it is about to write, which is after it was seen to have its turn. */
function holdTouch() {
  const { write } = fs;
  const [reached, held] = [gate(), gate()];
  fs.write = (...words) => {
    if (words[3] !== ACTIVITY) return write(...words);
    fs.write = write;
    reached.open();
    void held.opened.then(() => write(...words));
  };
  return { reached: reached.opened, letGo: held.open, stop: () => (fs.write = write) };
}

for (const [what, length] of Object.entries({ small: 100, large: 300_000 })) {
  describe(`a touch of a ${what} session that is stopped as it writes, and loses its turn`, () => {
    for (const by of ["a touch", "a write"]) {
      it(`C7_does not undo ${by} that was acknowledged meanwhile`, async () => {
        const root = makeFolder();
        let now = 1_000_000;
        const open = () => new DirectoryStorage(root, { io: "async", idleTimeout: HOUR, clock: () => now });
        const [one, other] = [open(), open()];
        const content = new Uint8Array(length).map((_, at) => at % 251);
        const revision = await one.set(id, content, { tags: ["tag"] });
        now += 1_000;
        const held = holdTouch();
        try {
          const late = one.touch(id);
          await held.reached;
          now += 1_000;
          if (by === "a touch") equal(await other.touch(id), true, "the touch meanwhile");
          else await other.set(id, content);
          const acknowledged = now + HOUR;
          equal((await other.info(id)).expiresAt, acknowledged, "expiresAt once it was acknowledged");
          held.letGo();
          equal(await late, true, "the touch that was late");
          for (const storage of [one, other, open()]) {
            const { data, info } = await storage.get(id);
            equal(info.expiresAt, acknowledged, "expiresAt in the end");
            same([...info.tags], ["tag"], "tags");
            same(data, content, "content");
            if (by === "a touch") equal(info.revision, revision, "revision");
          }
          same(leftovers(root), [], "what is left");
        } finally {
          held.stop();
        }
        removeFolder(root);
      });
    }
  });
}

describe("a touch that nobody disturbs", () => {
  it("C7_writes into the record, and makes no other", async () => {
    const root = makeFolder();
    let now = 1_000_000;
    const storage = new DirectoryStorage(root, { io: "sync", idleTimeout: HOUR, clock: () => now });
    await storage.set(id, "content");
    const before = fs.statSync(await recordOf(root, id)).ino;
    now += 1_000;
    equal(await storage.touch(id), true, "touch()");
    equal((await storage.info(id)).expiresAt, now + HOUR, "expiresAt");
    const after = fs.statSync(await recordOf(root, id));
    same([after.ino, after.nlink], [before, 1], "the file and its names");
    same(leftovers(root), [], "what is left");
    removeFolder(root);
  });

  it("C7_works where a file can have but one name", async () => {
    const root = makeFolder();
    let now = 1_000_000;
    const { link } = fs;
    fs.link = (...words) => words.at(-1)(Object.assign(new Error("EPERM"), { code: "EPERM" }));
    try {
      const storage = new DirectoryStorage(root, { io: "async", idleTimeout: HOUR, clock: () => now });
      await storage.set(id, "content");
      now += 1_000;
      equal(await storage.touch(id), true, "touch()");
      equal((await storage.info(id)).expiresAt, now + HOUR, "expiresAt");
      same(leftovers(root), [], "what is left");
    } finally {
      fs.link = link;
    }
    removeFolder(root);
  });
});
