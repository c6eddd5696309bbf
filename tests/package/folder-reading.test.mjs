// Reading creates nothing, and needs no right to write.
import fs from "node:fs";
import { join } from "node:path";
import { DirectoryStorage } from "sessile";
import { equal, same } from "./expect.mjs";
import { inChild } from "./folder-children.mjs";
import { listed, makeFolder, recordOf, refused, removeFolder, tree } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const missing = { id: "a-session-that-is-missing" };

/** Calls that find nothing: each with what it answers. */
const CALLS = {
  get: [(storage) => storage.get(missing.id), undefined],
  getJson: [(storage) => storage.getJson(missing.id), undefined],
  info: [(storage) => storage.info(missing.id), undefined],
  touch: [(storage) => storage.touch(missing.id), false],
  read: [(storage) => refused(storage.read(missing.id, fail), "ERR_SESSION_NOT_FOUND", missing)],
  listTagged: [async (storage) => (await listed(storage.listTagged("none"))).length, 0],
  invalidateTagged: [(storage) => storage.invalidateTagged("none"), 0],
  sweep: [(storage) => storage.sweep(), 0],
  stats: [async (storage) => (await storage.stats()).sessions],
  close: [(storage) => storage.close(), undefined],
};

for (const io of ["sync", "async"]) {
  describe(`reading by io: "${io}"`, () => {
    for (const [name, [call, expected]] of Object.entries(CALLS)) {
      it(`C12_${name} of what is missing creates nothing where no folder is`, async () => {
        const base = makeFolder();
        const answer = await call(new DirectoryStorage(join(base, "sessions"), { io }));
        if (expected !== undefined) equal(answer, expected, name);
        same(fs.readdirSync(base), [], "what was made");
        removeFolder(base);
      });

      it(`C12_${name} of what is missing creates nothing where others are`, async () => {
        const root = makeFolder();
        const storage = new DirectoryStorage(root, { io });
        await storage.set("another", "content", { tags: ["tag"] });
        const before = snapshot(root);
        await call(new DirectoryStorage(root, { io }));
        same(snapshot(root), before, "the folder");
        removeFolder(root);
      });
    }

    it("C12_get, read and info of a session change nothing on the disk", async () => {
      const root = makeFolder();
      const storage = new DirectoryStorage(root, { io, idleTimeout: "1h" });
      const large = new Uint8Array(300_000);
      await storage.set("small", "content", { tags: ["tag"] });
      await storage.set("large", large);
      const before = snapshot(root);
      for (const id of ["small", "large"]) {
        await storage.get(id);
        await storage.info(id);
        await storage.read(id, (channel) => new Response(channel).arrayBuffer());
      }
      await listed(storage.listTagged("tag"));
      await storage.stats();
      same(snapshot(root), before, "the folder");
      removeFolder(root);
    });
  });
}

describe("a folder that may only be read", () => {
  it("C12_is_read_by_everybody_who_may", async () => {
    const root = makeFolder();
    const clock = () => 1_000_000;
    const storage = new DirectoryStorage(root, { clock });
    await storage.set("small", "content", { tags: ["tag"] });
    await storage.set("large", new Uint8Array(300_000));
    await storage.set("over", "content", { idleTimeout: 1 });
    await storage.set("damaged", "content");
    await storage.invalidate("ended");
    fs.truncateSync(await recordOf(root, "damaged"), 10);
    const before = snapshot(root);
    for (const path of tree(root)) fs.chmodSync(join(root, path), path.endsWith("/") ? 0o555 : 0o444);
    fs.chmodSync(root, 0o555);
    const answers = await inChild("readOnly", [root]);
    same(snapshot(root), before, "the folder");
    same(answers, {
      small: "content",
      large: 300_000,
      over: null,
      ended: null,
      missing: null,
      damaged: "ERR_SESSION_CORRUPT",
      damagedAgain: "ERR_SESSION_CORRUPT",
      listed: 1,
      sessions: 3,
      write: "ERR_SESSION_STORAGE",
      invalidate: "ERR_SESSION_STORAGE",
      touch: "ERR_SESSION_STORAGE",
      readAfterwards: "content",
    });
    for (const path of ["", ...tree(root)])
      if (fs.lstatSync(join(root, path)).isDirectory()) fs.chmodSync(join(root, path), 0o700);
    removeFolder(root);
  });
});

/** All that a change of the folder changes: names, lengths, when each was changed. */
function snapshot(root) {
  return tree(root).map((path) => {
    const { size, mtimeMs } = fs.lstatSync(join(root, path));
    return `${path} ${path.endsWith("/") ? "" : size} ${mtimeMs}`;
  });
}

function fail() {
  throw new Error("the consumer was called");
}
