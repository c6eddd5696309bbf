// A folder deleted underneath, or parts of it; and tokens whose holder has died.
import fs from "node:fs";
import { DirectoryStorage } from "sessile";
import { equal, same } from "./expect.mjs";
import {
  leftovers,
  listed,
  makeFolder,
  partOf,
  recordOf,
  refused,
  removeFolder,
  tokenOf,
  tree,
  turnsOf,
} from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const id = "the-session";
const remove = (path) => fs.rmSync(path, { recursive: true, force: true });
const text = async (storage, of = id) => {
  const found = await storage.get(of);
  return found && new TextDecoder().decode(found.data);
};

/** What is removed, and whether the session is still there without it. */
const LOSSES = {
  "the whole folder": [(root) => root, false],
  "one part": [(root) => partOf(root, id), false],
  "the record": [(root) => recordOf(root, id), false],
  "the folder of all tokens": [(root) => `${root}/turns`, true],
  "the folder of a part's token": [(root) => turnsOf(root, id), true],
  "the token": [(root) => tokenOf(root, id), true],
  "the folder of staged contents": [(root) => `${root}/staged`, true],
  "the folder where parts are made": [(root) => `${root}/made`, true],
  "the folder of damaged records": [(root) => `${root}/damaged`, true],
};

for (const io of ["sync", "async"]) {
  describe(`deleted underneath by io: "${io}"`, () => {
    for (const [what, [where, stays]] of Object.entries(LOSSES)) {
      it(`C11_${what}: reads say what is there, and the next writes work`, async () => {
        for (const durability of ["relaxed", "strict"]) {
          const { root, storage } = await prepare(io, durability);
          const lose = async () => remove(await where(root));
          const lost = await where(root);
          await lose();
          const expected = stays ? "content" : undefined;
          equal(await text(storage), expected, "get()");
          if (!stays) await refused(storage.read(id, fail), "ERR_SESSION_NOT_FOUND", { id });
          equal(fs.existsSync(lost), false, "whether reading made it again");
          equal(await storage.touch(id), stays, "touch()");
          await lose();
          equal((await listed(storage.listTagged("tag"))).length, stays ? 1 : 0, "listTagged()");
          equal((await storage.stats()).sessions, stays ? 1 : 0, "stats()");
          await storage.sweep();
          await lose();
          await storage.set(id, "small again", { ifRevision: (await storage.info(id))?.revision ?? null });
          equal(await text(storage), "small again", "a small write");
          await lose();
          await storage.set(id, "x".repeat(200_000));
          equal((await text(storage)).length, 200_000, "a large write");
          await lose();
          equal(await storage.invalidate(id), stays, "invalidate()");
          equal(await text(storage), undefined, "after invalidate()");
          same(leftovers(root), [], "what is left");
          removeFolder(root);
        }
      });
    }

    it("C11_the tags: the next write that carries one makes its entry", async () => {
      const { root, storage } = await prepare(io);
      remove(`${root}/tags`);
      equal((await listed(storage.listTagged("tag"))).length, 0, "listTagged()");
      await storage.set("another", "content", { tags: ["tag"] });
      equal((await listed(storage.listTagged("tag"))).length, 1, "listTagged() then");
      removeFolder(root);
    });

    it("C1_a write whose folder is deleted on its way fails or is whole", async () => {
      const { root, storage } = await prepare(io);
      const write = storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        for (let piece = 0; piece < 6; piece += 1) {
          await writer.write(new Uint8Array(65_536));
          if (piece === 3) remove(root);
        }
      });
      const fate = await write.then(
        () => "written",
        (error) => error.code,
      );
      const found = await storage.get(id);
      if (fate === "written") equal(found?.data.length, 6 * 65_536, "the length");
      else same([fate, found], ["ERR_SESSION_STORAGE", undefined], "how it failed");
      await storage.set(id, "again");
      equal(await text(storage), "again");
      same(leftovers(root), [], "what is left");
      removeFolder(root);
    });

    it("C2_a read whose folder is deleted on its way reads to the end", async () => {
      const { root, storage } = await prepare(io);
      await storage.set(id, new Uint8Array(500_000).fill(7));
      const length = await storage.read(id, async (channel) => {
        let read = 0;
        for await (const chunk of channel) {
          if (read === 0) remove(root);
          read += chunk.length;
        }
        return read;
      });
      equal(length, 500_000, "bytes read");
      equal(await text(storage), undefined, "afterwards");
      removeFolder(root);
    });
  });

  describe(`a token of a process that has died, by io: "${io}"`, () => {
    for (const name of ["kept-0123456789abcdef01234567-2a", "busy-0123456789abcdef01234567-2a", "anything"]) {
      it(`C11_is taken over within a second, and what lies in it is cleared away: ${name}`, async () => {
        const { root } = await prepare(io);
        const token = `${await turnsOf(root, id)}/${name}`;
        fs.renameSync(await tokenOf(root, id), token);
        leave(token);
        const storage = new DirectoryStorage(root, { io });
        equal(await text(storage), "content", "a read, which need not wait");
        const began = performance.now();
        await storage.set(id, "anew");
        const took = performance.now() - began;
        equal(took < 1_000, true, `whether it was taken over soon, not in ${took} ms`);
        equal(await text(storage), "anew");
        same(tree(await tokenOf(root, id)), [], "what lies in it");
        same(leftovers(root), [], "what is left");
        removeFolder(root);
      });
    }

    it("C11_is taken by one of many who wait", async () => {
      const { root, storage } = await prepare(io);
      await storage.set(id, "0");
      fs.renameSync(await tokenOf(root, id), `${await turnsOf(root, id)}/busy-0123456789abcdef01234567-2a`);
      const storages = [storage, ...Array.from({ length: 7 }, () => new DirectoryStorage(root, { io }))];
      await Promise.all(storages.map((each) => count(each, 5)));
      equal(await text(storage), String(5 * storages.length), "what all have counted");
      same(leftovers(root), [], "what is left");
      removeFolder(root);
    });

    it("C5_taken while its holder only slept is no way for him to change anything", async () => {
      const { root, storage } = await prepare(io);
      const before = await tokenOf(root, id);
      const next = new DirectoryStorage(root, { io });
      const revision = await next.set(id, "of the next");
      equal(fs.existsSync(before), false, "whether the first still has the token");
      await refused(storage.set(id, "late", { ifRevision: null }), "ERR_SESSION_CONFLICT", { id });
      equal((await storage.info(id)).revision, revision, "revision");
      await storage.touch(id);
      await storage.set(id, "of the first");
      equal(await text(next), "of the first");
      same(leftovers(root), [], "what is left");
      removeFolder(root);
    });

    it("is given back by close()", async () => {
      const { root, storage } = await prepare(io);
      await storage.close();
      same(tree(await turnsOf(root, id)), ["free/"]);
      removeFolder(root);
    });

    it("C11_or of one who died as he gave it back, is cleared by sweep()", async () => {
      const { root, storage } = await prepare(io);
      await storage.close();
      const free = await tokenOf(root, id);
      leave(free);
      const next = new DirectoryStorage(root, { io });
      for (let call = 0; call < 16; call += 1) await next.sweep();
      same(tree(await tokenOf(root, id)), [], "what lies in it");
      equal(await text(next), "content");
      removeFolder(root);
    });

    it("C11_with what he left in it hinders nobody", async () => {
      const { root, storage } = await prepare(io);
      await storage.close();
      leave(await tokenOf(root, id));
      const next = new DirectoryStorage(root, { io });
      await next.set(id, "anew");
      await next.touch(id);
      await next.invalidate(id);
      equal(await text(next), undefined);
      removeFolder(root);
    });
  });
}

async function prepare(io, durability = "relaxed") {
  const root = makeFolder();
  const storage = new DirectoryStorage(root, { io, durability, idleTimeout: "1h" });
  await storage.set(id, "content", { tags: ["tag"] });
  return { root, storage };
}

/** What a process leaves that dies at its work. */
function leave(token) {
  fs.writeFileSync(`${token}/00112233445566778899aabbccddeeff`, "half a record");
  fs.mkdirSync(`${token}/deep/deeper`, { recursive: true });
  fs.writeFileSync(`${token}/deep/deeper/file`, "junk");
  fs.symlinkSync("/etc", `${token}/link`);
}

async function count(storage, times) {
  for (let done = 0; done < times;) {
    const { data, info } = await storage.get(id);
    const next = String(Number(new TextDecoder().decode(data)) + 1);
    const isDone = await storage.set(id, next, { ifRevision: info.revision }).then(
      () => true,
      (error) => equal(error.code, "ERR_SESSION_CONFLICT", "code"),
    );
    if (isDone === true) done += 1;
  }
}

function fail() {
  throw new Error("it was called, or failed");
}
