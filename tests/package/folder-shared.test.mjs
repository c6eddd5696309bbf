// One folder, several processes: of this runtime, and of the crate.
import { DirectoryStorage } from "sessile";
import { equal, matches, same } from "./expect.mjs";
import { inChild, inPeer } from "./folder-children.mjs";
import { leftovers, listed, makeFolder, refused, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

const TIMES = 500;
const id = "a-shared-session";
const HOUR = 3_600_000;

/** What stands at a place in the contents of these tests, on both sides. */
function pattern(length) {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + Math.floor(at / 251) + length) % 256);
}

const text = async (storage) => new TextDecoder().decode((await storage.get(id)).data);
const streamed = (storage) =>
  storage.read(id, async (channel) => new Uint8Array(await new Response(channel).arrayBuffer()));

describe("processes that count in one session", () => {
  const counters = {
    "two of this runtime": (root) => [
      inChild("count", [root, id, TIMES, "auto"]),
      inChild("count", [root, id, TIMES, "async"]),
    ],
    "one of this runtime and one of the crate": (root) => [
      inChild("count", [root, id, TIMES, "auto"]),
      inPeer("count", [root, id, TIMES]),
    ],
  };
  for (const [who, start] of Object.entries(counters)) {
    it(`C5_lose nothing: ${who}`, async () => {
      const root = makeFolder();
      const storage = new DirectoryStorage(root);
      await storage.set(id, "0");
      await Promise.all(start(root));
      equal(await text(storage), String(2 * TIMES), "the count");
      same(leftovers(root), [], "what is left");
      removeFolder(root);
    });
  }
});

describe("a folder shared with the crate", () => {
  for (const length of [0, 1, 65_536, 65_537, 300_000]) {
    for (const task of ["set", "write"]) {
      it(`C9_${length} bytes by its ${task} are read here, and the other way round`, async () => {
        const root = makeFolder();
        const storage = new DirectoryStorage(root);
        const revision = await inPeer(task, [root, id, length]);
        const { data, info } = await storage.get(id);
        same(
          [info.revision, info.byteLength, [...info.tags]],
          [revision, length, ["peer", "größer"]],
          "info",
        );
        equal(info.expiresAt, info.createdAt + HOUR, "expiresAt");
        same(data, pattern(length), "content");
        same(await streamed(storage), pattern(length), "content that is streamed");

        const options = { tags: ["one", "größer"], absoluteTimeout: HOUR, idleTimeout: null };
        const own = pattern(length + 1);
        const next =
          task === "set"
            ? await storage.set(id, own, options)
            : await storage.write(id, (channel) => new Blob([own]).stream().pipeTo(channel), options);
        equal(
          await inPeer("read", [root, id]),
          [next, length + 1, true, info.createdAt, info.createdAt + HOUR, "one,größer"].join(" "),
          "what the crate reads",
        );
        removeFolder(root);
      });
    }
  }

  it("C4_C5_C13_obeys conditions, invalidations and tags of either side", async () => {
    const root = makeFolder();
    const storage = new DirectoryStorage(root);
    const first = await inPeer("set", [root, id, 100]);
    equal((await listed(storage.listTagged("größer"))).length, 1, "sessions of the crate's tag");
    const second = await storage.set(id, "mine", { ifRevision: first, tags: ["mine"] });
    equal(await inPeer("replace", [root, id, first]), "Conflict", "a condition that no longer holds");
    equal(await inPeer("tagged", [root, id, "größer"]), "0", "sessions of the old tag");
    equal(await inPeer("tagged", [root, id, "mine"]), "1", "sessions of the new tag");
    const third = await inPeer("replace", [root, id, second]);
    matches(third, /^[\w-]{22}$/, "the crate's revision");
    await refused(storage.set(id, "late", { ifRevision: second }), "ERR_SESSION_CONFLICT", { id });
    equal(await inPeer("invalidate", [root, id]), "true");
    equal(await storage.get(id), undefined, "after the crate's invalidate");
    await storage.set(id, "anew", { ifRevision: null });
    equal(await inPeer("touch", [root, id]), "true");
    equal(await storage.invalidate(id), true);
    equal(await inPeer("read", [root, id]), "missing");
    same(leftovers(root), [], "what is left");
    removeFolder(root);
  });

  it("C4_an invalidate of the crate's stops a write that began before it", async () => {
    const root = makeFolder();
    const storage = new DirectoryStorage(root);
    await storage.set(id, "content");
    const write = storage.write(id, async (channel) => {
      const writer = channel.getWriter();
      await writer.write(pattern(200_000));
      equal(await inPeer("invalidate", [root, id]), "true");
      await writer.write(pattern(100));
    });
    await refused(write, "ERR_SESSION_CONFLICT", { id });
    equal(await storage.get(id), undefined, "afterwards");
    same(leftovers(root), [], "what is left");
    removeFolder(root);
  });

  it("C2_a read goes on in its revision while the crate writes another", async () => {
    const root = makeFolder();
    const storage = new DirectoryStorage(root);
    await storage.set(id, pattern(500_000));
    const read = await storage.read(id, async (channel) => {
      const chunks = [];
      for await (const chunk of channel) {
        if (chunks.length === 0) await inPeer("write", [root, id, 400_000]);
        chunks.push(chunk.slice());
      }
      return new Uint8Array(await new Blob(chunks).arrayBuffer());
    });
    same(read, pattern(500_000), "what was read");
    same(await streamed(storage), pattern(400_000), "what is read then");
    removeFolder(root);
  });
});
