// What calls cost the database, when they are told to be done, and what is put into it.
import { DirectoryStorage } from "sessile";
import { inStore, nameDatabase, removeDatabase, resultOf } from "./databases.mjs";
import { equal, rejection } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const text = ({ data }) => new TextDecoder().decode(data);

function withDatabase(work) {
  return async () => {
    const name = nameDatabase();
    const storage = new DirectoryStorage(name);
    try {
      // What is made with the database is made once.
      await storage.set("first", "content");
      await work(storage, name);
    } finally {
      await storage.close();
      await removeDatabase(name);
    }
  };
}

/** Calls `work` while a method of the platform is another one; that gets the original, what it is called on, and its arguments. */
async function instead(prototype, method, other, work) {
  const original = prototype[method];
  prototype[method] = function (...given) {
    return other((...own) => Reflect.apply(original, this, own), this, given);
  };
  try {
    return await work();
  } finally {
    prototype[method] = original;
  }
}

/** How many transactions it takes that write, or read. */
async function transactionsOf(mode, work) {
  let count = 0;
  const counted = (original, _, given) => {
    const transaction = original(...given);
    if (transaction.mode === mode) count += 1;
    return transaction;
  };
  await instead(IDBDatabase.prototype, "transaction", counted, work);
  return count;
}

const fifty = Array.from({ length: 50 }, (_, index) => `session ${index}`);

describe("calls of one turn", () => {
  it(
    "share a transaction",
    withDatabase(async (storage) => {
      const all = (mode, call) => transactionsOf(mode, () => Promise.all(fifty.map(call)));
      equal(await all("readwrite", (id) => storage.set(id, "content")), 1, "writes");
      equal(await all("readonly", (id) => storage.get(id)), 1, "reads");
      equal(await all("readwrite", (id) => storage.touch(id)), 1, "touches");
      equal(await all("readwrite", (id) => storage.invalidate(id)), 1, "logouts");
      let alone = 0;
      for (const id of fifty) alone += await transactionsOf("readwrite", () => storage.set(id, "content"));
      equal(alone, 50, "writes one after another");
    }),
  );
});

describe("C9 a write", () => {
  it(
    "is told to be done when its transaction is, not when its requests are",
    withDatabase(async (storage) => {
      await storage.set("id", "before");
      // Aborted when nothing in it has failed and all of it is done.
      const aborting = (original, store, given) => {
        const request = original(...given);
        request.addEventListener("success", () => store.transaction.abort());
        return request;
      };
      // What was told to commit can no longer be aborted.
      const uncommitted = () =>
        instead(
          IDBTransaction.prototype,
          "commit",
          () => {},
          () => rejection(storage.set("id", "after")),
        );
      const error = await instead(IDBObjectStore.prototype, "put", aborting, uncommitted);
      equal(error.code, "ERR_SESSION_STORAGE");
      equal(text(await storage.get("id")), "before");
      await storage.set("id", "after");
      equal(text(await storage.get("id")), "after");
    }),
  );
});

describe("streams through a database", () => {
  const PIECE = 64 * 1024;
  const PIECES = 64;
  /** What may be on its way: in the stream's own queue, in the wasm, and at the database. */
  const MOST = 6 * PIECE;

  it(
    "C6_a_provider_is_no_further_than_what_is_put",
    withDatabase(async (storage) => {
      let put = 0;
      let furthest = 0;
      const counted = (original, _, given) => {
        const request = original(...given);
        request.addEventListener("success", () => (put += given[0].byteLength ?? 0));
        return request;
      };
      const write = async (channel) => {
        const writer = channel.getWriter();
        for (let piece = 1; piece <= PIECES; piece += 1) {
          await writer.ready;
          await writer.write(new Uint8Array(PIECE).fill(piece));
          furthest = Math.max(furthest, piece * PIECE - put);
        }
      };
      await instead(IDBObjectStore.prototype, "put", counted, () => storage.write("id", write));
      equal(put >= PIECES * PIECE, true, `${put} bytes were put`);
      equal(furthest <= MOST, true, `${furthest} bytes were taken and not put`);
    }),
  );

  it(
    "C6_a_consumer_that_waits_is_read_for_no_further",
    withDatabase(async (storage) => {
      await storage.set("id", new Uint8Array(PIECES * PIECE).fill(7));
      let got = 0;
      const counted = (original, _, given) => {
        const request = original(...given);
        request.addEventListener("success", () => {
          for (const value of [request.result].flat()) got += value?.byteLength ?? 0;
        });
        return request;
      };
      const consume = async (channel) => {
        const reader = channel.getReader();
        let [taken, furthest] = [0, 0];
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          taken += next.value.length;
          // Another transaction has its turn: whatever had been asked for would be here.
          await storage.info("first");
          furthest = Math.max(furthest, got - taken);
        }
        equal(taken, PIECES * PIECE, "bytes that were read");
        return furthest;
      };
      const reading = () =>
        instead(IDBObjectStore.prototype, "getAll", counted, () => storage.read("id", consume));
      const furthest = await instead(IDBObjectStore.prototype, "get", counted, reading);
      equal(got >= PIECES * PIECE, true, `${got} bytes were got`);
      equal(furthest <= MOST, true, `${furthest} bytes were got for nobody`);
    }),
  );
});

describe("what is put into the database", () => {
  it(
    "is no view of the wasm's memory",
    withDatabase(async (storage, name) => {
      const put = [];
      const watched = (original, _, given) => {
        put.push(given[0]);
        return original(...given);
      };
      await instead(IDBObjectStore.prototype, "put", watched, async () => {
        await storage.set("small", new Uint8Array(100).fill(1), { tags: ["a tag"] });
        await storage.set("large", new Uint8Array(300_000).fill(2));
        await storage.write("stream", async (channel) => {
          const writer = channel.getWriter();
          for (let piece = 0; piece < 4; piece += 1) await writer.write(new Uint8Array(50_000).fill(3));
        });
        await storage.touch("small");
      });
      const views = put.filter((value) => ArrayBuffer.isView(value));
      equal(views.length > 10, true, `${views.length} values`);
      for (const { buffer, byteLength } of views) {
        equal(buffer.byteLength, byteLength, "the buffer of a value");
      }
      for (const store of ["records", "chunks"]) {
        for (const { buffer, byteLength } of await inStore(name, store, (own) => resultOf(own.getAll()))) {
          equal(buffer.byteLength, byteLength, `the buffer of a value in ${store}`);
        }
      }
    }),
  );
});
