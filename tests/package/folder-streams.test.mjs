// Streams through a folder, both ways: nobody gathers what the other end has not asked for.
import { DirectoryStorage } from "sessile";
import { equal } from "./expect.mjs";
import { fs, makeFolder } from "./folders.mjs";
import { gate } from "./gates.mjs";
import { describe, it } from "./harness.mjs";

const PIECE = 64 * 1024;
const PIECES = 64;
/** What may be on its way: in the stream's own queue, in the wasm, and at the disk. */
const MOST = 6;

/** As many turns as a call that needs no answer of the disk takes, and many more. */
async function turns() {
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Calls `work` while a method of `node:fs` is another one, which gets the original and its arguments. */
async function instead(method, other, work) {
  const original = fs[method];
  fs[method] = (...given) => other(original, given);
  try {
    return await work();
  } finally {
    fs[method] = original;
  }
}

describe("streams through a folder", () => {
  it("C6_a_provider_waits_while_the_disk_does_not_answer", async () => {
    const storage = new DirectoryStorage(makeFolder(), { io: "async" });
    const held = gate();
    let written = 0;
    const slow = (write, given) => void held.opened.then(() => write(...given));
    const provide = async (channel) => {
      const writer = channel.getWriter();
      for (let piece = 0; piece < PIECES; piece += 1) {
        await writer.ready;
        await writer.write(new Uint8Array(PIECE).fill(piece));
        written += 1;
      }
    };
    await instead("write", slow, async () => {
      const committed = storage.write("id", provide);
      await turns();
      equal(written <= MOST, true, `${written} pieces were taken while the disk held still`);
      held.open();
      await committed;
    });
    equal(written, PIECES);
    equal((await storage.get("id")).data.length, PIECES * PIECE);
    await storage.close();
  });

  it("C6_a_consumer_that_waits_is_read_for_no_further", async () => {
    const storage = new DirectoryStorage(makeFolder(), { io: "async" });
    await storage.set("id", new Uint8Array(PIECES * PIECE).fill(7));
    let bytes = 0;
    const counted = (read, given) => {
      const done = given.at(-1);
      return read(...given.slice(0, -1), (error, count, ...rest) => {
        bytes += count ?? 0;
        done(error, count, ...rest);
      });
    };
    await instead("read", counted, async () => {
      const all = await storage.read("id", async (channel) => {
        const reader = channel.getReader();
        let taken = (await reader.read()).value.length;
        await turns();
        equal(bytes - taken <= MOST * PIECE, true, `${bytes - taken} bytes were read for nobody`);
        for (let next = await reader.read(); !next.done; next = await reader.read())
          taken += next.value.length;
        return taken;
      });
      equal(all, PIECES * PIECE);
    });
    equal(bytes >= PIECES * PIECE, true, "bytes that were read in all");
    await storage.close();
  });
});
