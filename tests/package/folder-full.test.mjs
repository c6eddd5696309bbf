// A disk that is full: of bytes, and of files.
import { equal, same } from "./expect.mjs";
import { inChild, onSmallDisk } from "./folder-children.mjs";
import { makeFolder, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const QUOTA = "ERR_SESSION_QUOTA";

describe("a full disk", () => {
  for (const io of ["sync", "async"]) {
    for (const durability of ["relaxed", "strict"]) {
      it(`C10_is told, changes nothing, leaves nothing, and is forgotten once it has room (${io}, ${durability})`, async () => {
        const folder = makeFolder();
        const around = onSmallDisk(folder, "size=256k,mode=700");
        const answers = await inChild("full", [folder, io, durability], around);
        const { staged, left, ...rest } = answers;
        same(rest, {
          small: QUOTA,
          large: QUOTA,
          fresh: QUOTA,
          tagged: QUOTA,
          json: QUOTA,
          oldContent: true,
          oldRevision: true,
          missing: null,
          listed: 0,
          then: "fine",
          thenLarge: "fine",
          thenFresh: "fine",
          thenContent: true,
        });
        same(staged, [], "contents that are still staged");
        same(left, [], "what is left");
        removeFolder(folder);
      });
    }

    it(`C10_is told where it has room for no more files, wherever that is met (${io})`, async () => {
      const folder = makeFolder();
      // One more file each time: so each step of the first write meets the end once.
      const around = onSmallDisk(folder, "size=1m,nr_inodes=80,mode=700");
      const { rounds, failed, left } = await inChild("noMoreFiles", [folder, io], around);
      equal(
        failed.every((code) => code === QUOTA),
        true,
        `whether all failed by quota: ${failed}`,
      );
      equal(failed.length >= 3 && failed.length < rounds, true, `${failed.length} of ${rounds} failed`);
      same(left, [], "what is left");
      removeFolder(folder);
    });
  }
});
