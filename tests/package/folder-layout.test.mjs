// Where sessions lie in a folder, whatever their ids are, and whom the files belong to.
import fs from "node:fs";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { DirectoryStorage } from "sessile";
import { equal, same } from "./expect.mjs";
import {
  damageRecord,
  leftovers,
  makeFolder,
  putAway,
  recordOf,
  refused,
  removeFolder,
  tree,
} from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const HOSTILE = [
  "../escaped",
  "../../../../../../tmp/sessile-escaped",
  "..",
  ".",
  "/",
  "/dev/null",
  "/etc/passwd",
  "a/b/c",
  "a\\b",
  "\0",
  "nul\0byte",
  "line\nbreak",
  "CON",
  "NUL",
  "con",
  "LPT1.txt",
  "C:\\sessions",
  "turn",
  "free",
  "staged",
  "%2e%2e%2f",
  " ",
  "trailing ",
  "trailing",
  "trailing.",
  "~",
  "$HOME",
  "`id`",
  "*",
  "-rf",
  "User",
  "user",
  "USER",
  "é",
  "e\u0301",
  "ß",
  "日本語",
  "👩‍👩‍👧",
  "\u202egnp.exe",
  "x".repeat(1_024),
  "é".repeat(512),
];

const text = async (storage, id) => new TextDecoder().decode((await storage.get(id)).data);

describe("a folder's layout", () => {
  it("C8_ids_of_any_kind_stay_inside_and_apart", async () => {
    const base = makeFolder();
    const root = join(base, "inner", "sessions");
    const storage = new DirectoryStorage(root);
    for (const [at, id] of HOSTILE.entries())
      await storage.set(id, `content ${at}`, { tags: [id.slice(0, 400)] });
    for (const [at, id] of HOSTILE.entries()) {
      equal(await text(storage, id), `content ${at}`, JSON.stringify(id));
      equal(fs.existsSync(await recordOf(root, id)), true, "whether the record is where it belongs");
    }
    same(tree(base).slice(0, 2), ["inner/", "inner/sessions/"], "what is outside");
    same(leftovers(root), [], "what is neither a record nor a token");
    const records = tree(root).filter((path) => /^[0-9a-f]{2}\/[0-9a-f]{62}$/.test(path));
    equal(records.length, HOSTILE.length, "records");
    for (const id of HOSTILE) equal(await storage.invalidate(id), true, "invalidate");
    same(leftovers(root), [], "what is left afterwards");
    removeFolder(base);
  });

  it("C8_no_id_stands_in_a_file_or_its_name", async () => {
    const root = makeFolder();
    const storage = new DirectoryStorage(root);
    const id = "an-id-that-nobody-may-learn";
    await storage.set(id, "content", { tags: ["a-tag"] });
    for (const path of tree(root).filter((path) => !path.endsWith("/"))) {
      equal(path.includes(id), false, "a name");
      equal(fs.readFileSync(join(root, path)).includes(id), false, "a file");
    }
    removeFolder(root);
  });

  it("C8_everything_belongs_to_its_owner_alone", async () => {
    const base = makeFolder();
    const root = join(base, "sessions");
    const before = process.umask(0);
    try {
      const storage = new DirectoryStorage(root, { durability: "strict" });
      await storage.set("small", "content", { tags: ["tag"] });
      await storage.set("damaged", "content");
      await damageRecord(root, "damaged");
      await refused(storage.get("damaged"), "ERR_SESSION_CORRUPT", { id: "damaged" });
      await storage.invalidate("gone");
      let whileStaged;
      await storage.write("large", async (channel) => {
        const writer = channel.getWriter();
        for (let piece = 0; piece < 5; piece += 1) await writer.write(new Uint8Array(65_536));
        whileStaged = tree(root).filter((path) => /^staged\/./.test(path));
        checkModes(base);
      });
      equal(whileStaged.length, 1, "contents that were staged");
      checkModes(base);
      equal(putAway(root).length, 1, "records put away");
    } finally {
      process.umask(before);
      removeFolder(base);
    }
  });

  it("leaves_the_rights_of_a_folder_that_was_there", async () => {
    const root = makeFolder();
    fs.chmodSync(root, 0o750);
    await new DirectoryStorage(root).set("id", "content");
    equal(fs.statSync(root).mode & 0o777, 0o750, "mode");
    removeFolder(root);
  });
});

describe("the path of a folder", () => {
  it("may be relative, and means what it meant when the storage was made", async () => {
    const [here, there] = [makeFolder(), makeFolder()];
    const before = process.cwd();
    try {
      process.chdir(here);
      const [early, late] = [new DirectoryStorage("sessions"), new DirectoryStorage("./late/../late")];
      await early.set("id", "early");
      process.chdir(there);
      await late.set("id", "late");
      equal(await text(early, "id"), "early");
      await early.set("id", "early again");
      await early.touch("id");
      same(fs.readdirSync(there), [], "what was made elsewhere");
      equal(await text(new DirectoryStorage(join(here, "sessions")), "id"), "early again");
      equal(await text(new DirectoryStorage(join(here, "late")), "id"), "late");
    } finally {
      process.chdir(before);
      removeFolder(here);
      removeFolder(there);
    }
  });

  for (const name of [
    "plain",
    "with spaces",
    "ünï-çødé 日本",
    "100%25 #1 ?",
    "quote'\"",
    "new\nline",
    "...",
    "-rf",
  ]) {
    it(`may be ${JSON.stringify(name)}, as a path, with a slash at its end, or as a URL`, async () => {
      const base = makeFolder();
      const path = join(base, name);
      const roots = [path, `${path}/`, `${path}//`, pathToFileURL(path), pathToFileURL(`${path}/`)];
      for (const [at, root] of roots.entries()) {
        const storage = new DirectoryStorage(root);
        if (at > 0) equal(await text(storage, "id"), `content ${at - 1}`, "what another has written");
        await storage.set("id", `content ${at}`);
        await storage.close();
      }
      same(fs.readdirSync(base), [name], "what was made");
      removeFolder(base);
    });
  }

  it("C11_that_cannot_be_one_is_refused", async () => {
    const bad = ["", "a\0b", new URL("https://example.org/sessions"), 17, null, undefined, {}];
    for (const root of bad) {
      let error;
      try {
        new DirectoryStorage(root);
      } catch (thrown) {
        error = thrown;
      }
      equal(error?.code, "ERR_SESSION_INVALID_OPTION", String(root));
    }
  });

  it("C11_that_is_a_file_is_told_and_left_alone", async () => {
    const base = makeFolder();
    const file = resolve(base, "file");
    fs.writeFileSync(file, "of somebody else");
    const secret = { id: "some-session-id", content: "some-content" };
    await refused(new DirectoryStorage(file).set(secret.id, secret.content), "ERR_SESSION_STORAGE", secret);
    equal(fs.readFileSync(file, "utf8"), "of somebody else");
    same(fs.readdirSync(base), [basename(file)]);
    removeFolder(base);
  });
});

/** Files 0600, folders 0700, but for the folder that the test itself has made. */
function checkModes(base) {
  for (const path of tree(base)) {
    const found = fs.lstatSync(join(base, path));
    const mode = (found.mode & 0o7777).toString(8);
    equal(mode, found.isDirectory() ? "700" : "600", path.replace(/[0-9a-f]{62}/g, "<record>"));
  }
}
