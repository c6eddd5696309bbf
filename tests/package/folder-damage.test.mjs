// Records that are not what was written: C12 in every way that a file can be wrong.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import { DirectoryStorage } from "sessile";
import { equal, same } from "./expect.mjs";
import {
  keyOf,
  leftovers,
  listed,
  makeFolder,
  putAway,
  recordOf,
  refused,
  removeFolder,
} from "./folders.mjs";
import { describe, it } from "./harness.mjs";

/** The header's length; the content stands behind it. */
const HEADER = 92;

const small = { id: "a-session-of-one-piece", content: "small content ".repeat(70) };
const large = { id: "a-session-of-many-pieces", content: "large content ".repeat(22_000) };
const other = { id: "another-session", content: "other content" };

const flip = (at) => (path) => {
  const bytes = fs.readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  fs.writeFileSync(path, bytes);
};

const cut = (to) => (path) => fs.truncateSync(path, to < 0 ? fs.statSync(path).size + to : to);

const replace = (put) => async (path, root) => {
  fs.unlinkSync(path);
  await put(path, root);
};

/** What is found when the record is opened. */
const DAMAGES = {
  "is emptied": cut(0),
  "is cut to one byte": cut(1),
  "is cut within its header": cut(HEADER - 1),
  "is cut behind its header": cut(HEADER),
  "is cut within its content": cut(HEADER + 40),
  "has lost its last byte": cut(-1),
  "has grown": (path) => fs.appendFileSync(path, "x"),
  "is of zeros": (path) => fs.writeFileSync(path, new Uint8Array(fs.statSync(path).size)),
  "is of another format": (path) => fs.writeFileSync(path, "x".repeat(5_000)),
  "has a bit flipped in its first byte": flip(0),
  "has a bit flipped in its version": flip(4),
  "has a bit flipped in its kind": flip(5),
  "has a bit flipped in its length": flip(57),
  "has a bit flipped in its revision": flip(40),
  "has a bit flipped in its activity": flip(82),
  "has a bit flipped in its tags": flip(-1),
  "is a folder": replace((path) => fs.mkdirSync(path)),
  "is a folder with something in it": replace((path) => {
    fs.mkdirSync(`${path}/deep`, { recursive: true });
    fs.writeFileSync(`${path}/deep/file`, "something");
  }),
  "is a link to another record": replace(async (path, root) => {
    fs.symlinkSync(await recordOf(root, other.id), path);
  }),
  "is a link to a file of the system": replace((path) => fs.symlinkSync("/etc/passwd", path)),
  "is a link to a folder": replace((path) => fs.symlinkSync("/", path)),
  "is a link to nothing": replace((path) => fs.symlinkSync("nowhere", path)),
  "is a link to itself": replace((path) => fs.symlinkSync(path, path)),
  "is a link to a device": replace((path) => fs.symlinkSync("/dev/zero", path)),
  "is a pipe": replace((path) => execFileSync("mkfifo", ["-m", "600", path])),
  "is a socket": replace(bindSocket),
};

/** What is found when the content has been read. */
const CONTENT_DAMAGES = {
  "has a bit flipped in its content": flip(HEADER),
  "has a bit flipped at the end of its content": flip(-8),
};

const read = (storage, id) =>
  storage.read(id, async (channel) => (await new Response(channel).text()).length);

const CALLS = {
  get: (storage, id) => storage.get(id),
  read,
  info: (storage, id) => storage.info(id),
  touch: (storage, id) => storage.touch(id),
};

for (const io of ["sync", "async"]) {
  describe(`a damaged record by io: "${io}"`, () => {
    for (const session of [small, large]) {
      const size = session === small ? "a small" : "a large";
      for (const [how, damage] of Object.entries(DAMAGES)) {
        it(`C12_${size} record that ${how} is reported once and put away`, () =>
          meets(io, session, damage, io === "sync" ? ["get", "read", "info"] : ["read"]));
      }
      for (const [how, damage] of Object.entries(CONTENT_DAMAGES)) {
        it(`C12_${size} record that ${how} is reported once and put away`, () =>
          meets(io, session, damage, ["get", "read"]));
      }
    }

    for (const [how, damage] of Object.entries({ ...DAMAGES, ...CONTENT_DAMAGES })) {
      it(`C12_a record that ${how} is replaced by a write, ended by invalidate, no hindrance to housekeeping`, async () => {
        const { root, storage } = await prepare(io, small, damage);
        await storage.stats();
        await storage.sweep();
        equal((await storage.stats()).sessions >= 1, true, "whether the other session is counted");
        // Whether a content is whole shows when it is read.
        await storage.set(small.id, "anew", how in DAMAGES ? { ifRevision: null } : {});
        equal(await text(storage, small.id), "anew");
        await damage(await recordOf(root, small.id), root);
        await storage.invalidate(small.id);
        equal(await storage.get(small.id), undefined, "after invalidate");
        await unharmed(root, storage);
      });
    }

    it("C12_a damaged record is not made whole by a touch", async () => {
      for (const damage of [flip(HEADER + 3), flip(40), cut(-1), replace((path) => fs.mkdirSync(path))]) {
        const { root, storage } = await prepare(io, small, damage);
        await refused(CALLS.touch(storage, small.id), "ERR_SESSION_CORRUPT", small);
        await refused(CALLS.get(storage, small.id), "ERR_SESSION_CORRUPT", small);
        equal(await storage.get(small.id), undefined, "afterwards");
        await unharmed(root, storage);
      }
    });

    it("C12_damaged sessions hide no others from their tag", async () => {
      for (const damage of [flip(40), cut(0), replace((path) => fs.symlinkSync("/etc/passwd", path))]) {
        const { root, storage } = await prepare(io, small, damage);
        equal((await listed(storage.listTagged("tag"))).length, 1, "sessions listed");
        equal(await storage.invalidateTagged("tag"), 1, "sessions invalidated");
        equal(await storage.get(other.id), undefined, "the other session");
        removeFolder(root);
      }
    });
  });
}

/** Each way to read meets the damage once, on a folder of its own. */
async function meets(io, session, damage, calls) {
  for (const call of calls) {
    const { root, storage } = await prepare(io, session, damage);
    await refused(CALLS[call](storage, session.id), "ERR_SESSION_CORRUPT", session);
    const names = putAway(root);
    equal(names.length, 1, `records put away by ${call}()`);
    equal(names[0].startsWith(await keyOf(session.id)), true, "whether its name tells which it was");
    equal(await storage.get(session.id), undefined, "get() afterwards");
    equal(await storage.info(session.id), undefined, "info() afterwards");
    await refused(read(storage, session.id), "ERR_SESSION_NOT_FOUND", session);
    equal(putAway(root).length, 1, "records put away in all");
    await storage.set(session.id, session.content);
    equal(await text(storage, session.id), session.content, "what was written anew");
    await unharmed(root, storage);
  }
}

async function prepare(io, session, damage) {
  const root = makeFolder();
  const storage = new DirectoryStorage(root, { io });
  await storage.set(other.id, other.content, { tags: ["tag"] });
  await storage.set(session.id, session.content, { tags: ["tag"], idleTimeout: "1h" });
  await damage(await recordOf(root, session.id), root);
  return { root, storage };
}

async function unharmed(root, storage) {
  equal(await text(storage, other.id), other.content, "the other session");
  equal(fs.lstatSync("/etc/passwd").isFile(), true, "the system's file");
  same(leftovers(root), [], "what is left");
  removeFolder(root);
}

async function text(storage, id) {
  return new TextDecoder().decode((await storage.get(id)).data);
}

/** By a path that is short enough for a socket's name. */
async function bindSocket(path) {
  const server = createServer();
  const before = process.cwd();
  process.chdir(path.slice(0, path.lastIndexOf("/")));
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen("./socket", resolve);
  });
  process.chdir(before);
  fs.renameSync(`${path.slice(0, path.lastIndexOf("/"))}/socket`, path);
  await new Promise((resolve) => server.close(resolve));
}
