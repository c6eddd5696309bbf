// Transactions that the engine gives up, with what several calls wanted of them.
import { DirectoryStorage } from "sessile";
import { keysIn, nameDatabase, removeDatabase } from "./databases.mjs";
import { equal, rejection } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const id = "the-session";
const PIECE = 64 * 1024;

/** Runs `work` with a storage while every `put` that `is` for gives up its transaction once the engine has done it. */
async function whileGivenUp(is, work) {
  const name = nameDatabase();
  const storage = new DirectoryStorage(name);
  const { put } = IDBObjectStore.prototype;
  const { commit } = IDBTransaction.prototype;
  IDBObjectStore.prototype.put = function (...words) {
    const request = put.apply(this, words);
    if (is(this.name, ...words)) request.addEventListener("success", () => this.transaction.abort());
    return request;
  };
  // What is committed already could not be given up any more.
  IDBTransaction.prototype.commit = () => undefined;
  try {
    await work(storage, name);
  } finally {
    IDBObjectStore.prototype.put = put;
    IDBTransaction.prototype.commit = commit;
    await storage.close();
    await removeDatabase(name);
  }
}

describe("a transaction that is given up", () => {
  it("C5_refuses no write for one beside it that was not stored", () =>
    whileGivenUp(
      (store, value) => store === "records" && value.length > 5_000,
      async (storage) => {
        const lost = storage.set(id, new Uint8Array(10_000));
        const other = storage.set(id, "other", { ifRevision: null });
        equal((await rejection(lost)).code, "ERR_SESSION_STORAGE", "code of the one that cannot be stored");
        await other;
        equal(new TextDecoder().decode((await storage.get(id)).data), "other", "content");
      },
    ));

  it("C9_answers no touch by a session beside it that was not stored", () =>
    whileGivenUp(
      (store, value) => store === "records" && value.length > 5_000,
      async (storage) => {
        const lost = storage.set(id, new Uint8Array(10_000));
        const touch = storage.touch(id);
        await rejection(lost);
        equal(await touch, false, "touch()");
      },
    ));

  it("C1_leaves the marker of a stream's chunks to the next try", async () => {
    let times = 0;
    await whileGivenUp(
      (store) => store === "chunks" && (times += 1) === 1,
      async (storage, name) => {
        await storage.write(id, async (channel) => {
          const writer = channel.getWriter();
          for (let piece = 0; piece < 3; piece += 1) await writer.write(new Uint8Array(PIECE));
          equal((await keysIn(name)).stages.length, 1, "markers while it is written");
        });
        equal(times > 1, true, "whether it was tried again");
        equal((await storage.get(id)).data.length, 3 * PIECE, "the length of the content");
        equal((await keysIn(name)).stages.length, 0, "markers in the end");
      },
    );
  });
});
