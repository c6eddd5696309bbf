// What a folder costs the process: open files, the event loop's time, memory; and what a strict write waits for.
import fs from "node:fs";
import process from "node:process";
import { DirectoryStorage } from "sessile";
import { equal, same } from "./expect.mjs";
import { inChild } from "./folder-children.mjs";
import { keyOf, leftovers, makeFolder, partOf, recordOf, refused, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const MEBIBYTE = 1_048_576;
const id = "a-session";
const large = new Uint8Array(20 * 65_536).fill(1);

const until = async (isSo, what) => {
  for (let turn = 0; !isSo(); turn += 1) {
    if (turn === 400) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

async function sendAll(channel) {
  const writer = channel.getWriter();
  for (let at = 0; at < large.length; at += 65_536) await writer.write(large.subarray(at, at + 65_536));
}

/** The open files under a folder: other open files are the runtime's own. */
function openUnder(root) {
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(root) ? [target.slice(root.length).replace(/[0-9a-f]{62}/, "<record>")] : [];
    } catch {
      // The one that the list itself was read with.
      return [];
    }
  });
}

const USES = {
  "reads to the end": (storage) => storage.read(id, (channel) => new Response(channel).arrayBuffer()),
  "reads whole values": (storage) => storage.get(id),
  "reads that stop at once": (storage) => storage.read(id, () => undefined),
  "reads that stop early": (storage) =>
    storage.read(id, async (channel) => void (await channel.getReader().read())),
  "reads that are cancelled": (storage) => storage.read(id, (channel) => channel.cancel()),
  "reads whose consumer fails": async (storage) => {
    const read = storage.read(id, async (channel) => {
      await channel.getReader().read();
      throw new Error("on purpose");
    });
    await read.catch((error) => equal(error.message, "on purpose"));
  },
  info: (storage) => storage.info(id),
  touches: (storage) => storage.touch(id),
  "large writes": (storage) => storage.set(id, large),
  "writes whose provider fails": async (storage) => {
    const write = storage.write(id, async (channel) => {
      await channel.getWriter().write(large);
      throw new Error("on purpose");
    });
    await write.catch((error) => equal(error.message, "on purpose"));
  },
  "writes whose channel is aborted": async (storage) => {
    const write = storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      await writer.write(large);
      await writer.abort(new Error("on purpose"));
    });
    await write.catch((error) => equal(error.message, "on purpose"));
  },
  "writes whose signal is aborted": async (storage) => {
    const stop = new AbortController();
    const write = storage.write(
      id,
      async (channel) => {
        await channel.getWriter().write(large);
        stop.abort(new Error("on purpose"));
        await new Promise(() => {});
      },
      { signal: stop.signal },
    );
    await write.catch((error) => equal(error.message, "on purpose"));
  },
  "writes that are aborted at any moment": async (storage) => {
    for (let turns = 0; turns < 40; turns += 1) {
      const stop = new AbortController();
      const write = storage.write(id, sendAll, { signal: stop.signal });
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      stop.abort(new Error("on purpose"));
      await write.catch((error) => equal(error.message, "on purpose"));
    }
  },
  "writes that lose": (storage) =>
    refused(storage.set(id, large, { ifRevision: "0123456789012345678901" }), "ERR_SESSION_CONFLICT", { id }),
  "writes that are too large": (storage) =>
    refused(storage.set(id, new Uint8Array(4 * MEBIBYTE)), "ERR_SESSION_TOO_LARGE", { id }),
};

for (const io of ["sync", "async"]) {
  describe(`open files and what is staged, by io: "${io}"`, () => {
    for (const [what, use] of Object.entries(USES)) {
      it(`C6_none are left by ${what}`, async () => {
        const root = makeFolder();
        const storage = new DirectoryStorage(root, { io, idleTimeout: "1h", maxSessionBytes: 3 * MEBIBYTE });
        await storage.set(id, large);
        for (let round = 0; round < 10; round += 1) await use(storage);
        // What was given up while it was being opened is closed and removed a little later.
        await until(() => openUnder(root).length === 0 && leftovers(root).length === 0, "nothing is left");
        equal((await storage.get(id)).data.length, large.length, "the session");
        removeFolder(root);
      });
    }

    it("C6_none are left by damaged records", async () => {
      const root = makeFolder();
      const storage = new DirectoryStorage(root, { io });
      for (const at of [0, 40, 100, large.length]) {
        await storage.set(id, large);
        const path = await recordOf(root, id);
        const bytes = fs.readFileSync(path);
        bytes[at] ^= 1;
        fs.writeFileSync(path, bytes);
        await refused(storage.get(id), "ERR_SESSION_CORRUPT", { id });
      }
      await until(() => openUnder(root).length === 0, "no files are open");
      removeFolder(root);
    });
  });
}

describe("what a strict write waits for", () => {
  for (const io of ["sync", "async"]) {
    it(`C9_its bytes and every name that leads to them (${io})`, async () => {
      const { calls, stop } = watchSyncs();
      const base = makeFolder();
      const root = `${base}/sessions`;
      try {
        const relaxed = new DirectoryStorage(root, { io });
        await relaxed.set("another", "content");
        await relaxed.set("another", large);
        same(calls, [], "syncs of relaxed writes");
        const strict = new DirectoryStorage(root, { io, durability: "strict" });
        const [part, name] = [await partOf(root, id), (await recordOf(root, id)).slice(-62)];
        for (const content of ["content", large]) {
          fs.rmSync(part, { recursive: true, force: true });
          calls.length = 0;
          await strict.set(id, content, { tags: ["tag"] });
          const length = 92 + content.length + 2 + "tag".length;
          equal(
            calls.some((call) => call.isFile && call.length === length),
            true,
            "whether the record is on the disk",
          );
          equal(
            calls.some((call) => call.path === part),
            true,
            "whether its name is",
          );
          equal(
            calls.some((call) => call.path === root),
            true,
            "whether the name of its folder is",
          );
          equal(fs.existsSync(`${part}/${name}`), true, "whether the record is there");
        }
        calls.length = 0;
        await strict.invalidate(id);
        equal(
          calls.some((call) => call.isFile) && calls.some((call) => call.path === part),
          true,
          "an invalidate",
        );
      } finally {
        stop();
        removeFolder(base);
      }
    });
  }
});

describe("the names that a strict write waits for", () => {
  for (const io of ["sync", "async"]) {
    it(`C9_are all that lead to its record and its tags, whoever made their folders (${io})`, async () => {
      const base = makeFolder();
      const root = `${base}/a/b/sessions`;
      const key = await keyOf(id);
      // As processes do that are killed before they sync, or do not care.
      await new DirectoryStorage(root, { io }).set(id, "content", { tags: ["tag"] });
      const { calls, stop } = watchSyncs();
      try {
        const strict = new DirectoryStorage(root, { io, durability: "strict" });
        const synced = () => [...new Set(calls.filter((call) => !call.isFile).map((call) => call.path))];
        await strict.set(id, "content", { tags: ["tag", "another"] });
        const tags = fs.readdirSync(`${root}/tags`).map((name) => `${root}/tags/${name}`);
        const own = tags.filter((folder) => synced().includes(folder));
        equal(own.length, 1, "folders of tags");
        for (const path of [
          `${root}/${key.slice(0, 2)}`,
          `${root}/tags`,
          root,
          `${base}/a/b`,
          `${base}/a`,
          base,
        ])
          equal(synced().includes(path), true, `whether ${path.slice(base.length)}/ was synced`);
        calls.length = 0;
        await strict.set(id, "content");
        same(synced(), [`${root}/${key.slice(0, 2)}`], "folders that a later write syncs");
        fs.rmSync(`${base}/a`, { recursive: true });
        calls.length = 0;
        await strict.set(id, "content", { tags: ["tag"] });
        for (const path of [`${root}/tags`, root, `${base}/a/b`, `${base}/a`, base])
          equal(synced().includes(path), true, `whether ${path.slice(base.length)}/ was synced anew`);
      } finally {
        stop();
        removeFolder(base);
      }
    });
  }
});

/** Tells of every file and folder that is synced, by wrapping the calls. */
function watchSyncs() {
  const own = process.getBuiltinModule("node:fs");
  const { fsync, fsyncSync } = own;
  const calls = [];
  const note = (fd) => {
    const found = fs.fstatSync(fd);
    calls.push({ path: fs.readlinkSync(`/proc/self/fd/${fd}`), isFile: found.isFile(), length: found.size });
  };
  own.fsync = (fd, done) => fsync(fd, (error) => (note(fd), done(error)));
  own.fsyncSync = (fd) => (fsyncSync(fd), note(fd));
  return { calls, stop: () => Object.assign(own, { fsync, fsyncSync }) };
}

describe("the event loop", () => {
  for (const io of ["auto", "async"]) {
    it(`goes on while 64 MiB are written and read (${io})`, async () => {
      const root = makeFolder();
      const storage = new DirectoryStorage(root, { io });
      const chunk = new Uint8Array(65_536);
      let longest = 0;
      let turns = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        turns += 1;
      }, 1);
      await storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        for (let at = 0; at < 64 * MEBIBYTE; at += chunk.length) await writer.write(chunk);
      });
      const turnsOfWriting = turns;
      await storage.read(id, async (channel) => {
        for await (const _ of channel);
      });
      clearInterval(timer);
      equal(turnsOfWriting >= 10 && turns - turnsOfWriting >= 10, true, `turns: ${turnsOfWriting}, ${turns}`);
      equal(longest < 250, true, `the longest turn took ${longest} ms`);
      removeFolder(root);
    });
  }
});

describe("memory", () => {
  it("C10_a session of 256 MiB passes in and out of 24 MiB", async () => {
    const root = makeFolder();
    const { writing, reading } = await inChild("memory", [root, 256]);
    console.log(`  above idle: ${mebibytes(writing)} while writing, ${mebibytes(reading)} while reading`);
    equal(writing <= 24 * MEBIBYTE, true, `whether ${mebibytes(writing)} while writing are within 24 MiB`);
    equal(reading <= 24 * MEBIBYTE, true, `whether ${mebibytes(reading)} while reading are within 24 MiB`);
    removeFolder(root);
  });
});

function mebibytes(bytes) {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}
