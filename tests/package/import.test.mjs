// `sessile/import`: folders of other libraries, file by file as those write them.
import fs from "node:fs";
import { join } from "node:path";
import { DirectoryStorage, SessionStorageMemory } from "sessile";
import { importSessions, ktorLayout, sessionFileStoreLayout } from "sessile/import";
import { equal, same } from "./expect.mjs";
import { makeFolder, removeFolder, tree } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

/** Calls `work` with a folder of these files, and looks that they are still the same. */
async function withFiles(files, work) {
  const folder = makeFolder();
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(join(folder, path, ".."), { recursive: true });
    fs.writeFileSync(join(folder, path), content);
  }
  const before = tree(folder);
  await work(folder);
  same(tree(folder), before, "the folder that was imported");
  for (const [path, content] of Object.entries(files)) {
    equal(fs.readFileSync(join(folder, path), "utf8"), content, path);
  }
  removeFolder(folder);
}

const text = async (storage, id) => new TextDecoder().decode((await storage.get(id))?.data);

describe("ktorLayout", () => {
  it("puts ids together from pieces of two characters", async () => {
    const files = { "id/1.dat": "user=%2317", "ab.dat": "{}", "ab/cd/ef/g.dat": "é", "ab/c.dat": "x" };
    await withFiles(files, async (folder) => {
      const storage = new SessionStorageMemory();
      same(await importSessions(storage, ktorLayout(folder)), { imported: 4, skipped: 0 });
      equal(await text(storage, "id1"), "user=%2317");
      equal(await text(storage, "ab"), "{}");
      equal(await text(storage, "abcdefg"), "é");
      equal(await text(storage, "abc"), "x");
    });
  });

  it("leaves out what is empty, and what is no session", async () => {
    await withFiles({ "id/1.dat": "", "id/readme.txt": "hello", "id/2.dat": "two" }, async (folder) => {
      const storage = new SessionStorageMemory();
      same(await importSessions(storage, ktorLayout(folder)), { imported: 1, skipped: 0 });
      equal(await text(storage, "id2"), "two");
    });
  });
});

describe("sessionFileStoreLayout", () => {
  const stored = (lastAccess, cookie, more = {}) =>
    JSON.stringify({ cookie, ...more, __lastAccess: lastAccess });
  // The layout looks at the wall clock, and tests take their time.
  const HOUR = 3_600_000;
  const now = Date.now();

  it("keeps the content and how long it may be idle", async () => {
    const files = {
      "with-an-age.json": stored(now - 1_000, { originalMaxAge: HOUR, httpOnly: true }, { user: 17 }),
      "without.json": stored(now - 1_000, { originalMaxAge: null }, {}),
    };
    await withFiles(files, async (folder) => {
      const storage = new SessionStorageMemory({ clock: () => now });
      same(await importSessions(storage, sessionFileStoreLayout(folder, { ttl: 2 * 3_600 })), {
        imported: 2,
        skipped: 0,
      });
      same(await storage.getJson("with-an-age"), {
        cookie: { originalMaxAge: HOUR, httpOnly: true },
        user: 17,
      });
      equal((await storage.info("with-an-age")).expiresAt, now + HOUR, "the end by the cookie's age");
      equal((await storage.info("without")).expiresAt, now + 2 * HOUR, "the end by the store's ttl");
    });
  });

  it("leaves out what has expired, is torn, or has another ending", async () => {
    const files = {
      "expired.json": stored(now - HOUR - 1_000, { originalMaxAge: HOUR }),
      "torn.json": '{"cookie":{"orig',
      "list.json": "null",
      "live.session": stored(now, { originalMaxAge: HOUR }),
    };
    await withFiles(files, async (folder) => {
      const storage = new SessionStorageMemory();
      same(await importSessions(storage, sessionFileStoreLayout(folder)), { imported: 0, skipped: 0 });
      const options = { fileExtension: ".session", ttl: 1 };
      same(await importSessions(storage, sessionFileStoreLayout(folder, options)), {
        imported: 1,
        skipped: 0,
      });
      equal(await storage.getJson("live").then((session) => session.cookie.originalMaxAge), HOUR);
    });
  });
});

describe("importSessions", () => {
  it("does not touch a session that is there, so that it can be repeated beside a server", async () => {
    await withFiles({ "id/1.dat": "old" }, async (folder) => {
      const root = makeFolder();
      const storage = new DirectoryStorage(root);
      same(await importSessions(storage, ktorLayout(folder)), { imported: 1, skipped: 0 });
      await storage.set("id1", "new");
      same(await importSessions(storage, ktorLayout(folder)), { imported: 0, skipped: 1 });
      equal(await text(storage, "id1"), "new");
      await storage.close();
      removeFolder(root);
    });
  });

  it("passes on what goes wrong", async () => {
    const storage = new SessionStorageMemory();
    let code;
    try {
      await importSessions(storage, ktorLayout("/no/such/folder"));
    } catch (error) {
      code = error.code;
    }
    equal(code, "ENOENT", "the error's code");
  });
});
