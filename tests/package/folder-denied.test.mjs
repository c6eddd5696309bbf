// Files and folders that the process may not touch.
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { equal, same } from "./expect.mjs";
import { inChild } from "./folder-children.mjs";
import { makeFolder, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const DENIED = "ERR_SESSION_STORAGE";
const NOBODY = 65_534;

describe("permission denied", () => {
  it("is told, gives nothing away, harms nothing, and ends with its cause", async () => {
    const base = makeFolder();
    const root = join(base, "own", "sessions");
    fs.mkdirSync(root, { recursive: true });
    fs.chmodSync(base, 0o711);
    if (process.getuid() === 0) {
      for (const path of [join(base, "own"), root]) fs.chownSync(path, NOBODY, NOBODY);
    }
    if (process.getuid() !== 0) fs.chmodSync(base, 0o511);
    const answers = await inChild("denied", [root]);
    fs.chmodSync(base, 0o700);
    const allOf = (value) => ({
      get: value,
      read: value,
      info: value,
      touch: value,
      set: value,
      large: value,
      invalidate: value,
    });
    const kept = "the-secret-content";
    same(answers.record, { ...allOf(DENIED), other: "fine", afterwards: kept }, "a record");
    same(answers.part, { ...allOf(DENIED), other: "fine", afterwards: kept }, "a part");
    same(answers.root, { ...allOf(DENIED), other: DENIED, afterwards: kept }, "the root");
    same(
      answers.turn,
      { ...allOf(DENIED), get: "fine", read: "fine", info: "fine", other: "fine", afterwards: kept },
      "a token's folder",
    );
    equal(answers.missingPart, DENIED, "a part that cannot be made");
    equal(answers.above, DENIED, "a root that cannot be made");
    equal(answers.missingAbove, null, "what is read there");
    same(answers.left, [], "what is left");
    removeFolder(base);
  });
});
