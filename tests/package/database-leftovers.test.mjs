// What those leave in a database who end in the middle of a stream, and what a sweep makes of it.
import { DirectoryStorage } from "sessile";
import { aheadBy, inStore, keysIn, nameDatabase, removeDatabase, resultOf } from "./databases.mjs";
import { equal, matches, rejection } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const id = "the-session";
const PIECE = 64 * 1024;
const MINUTE = 60 * 1_000;
const DAY = 24 * 60 * MINUTE;

/** Writes pieces into a stream that never ends, and tells `said` once they are in. */
const HANGING = `
  const { DirectoryStorage } = await import(entry);
  const storage = new DirectoryStorage(name);
  await storage.write(id, async (channel) => {
    const writer = channel.getWriter();
    for (let number = 0; number < 4; number += 1) await writer.write(new Uint8Array(${PIECE}).fill(number));
    said();
    await new Promise(() => undefined);
  });`;

const given = (name) =>
  Object.entries({ entry: import.meta.resolve("sessile"), name, id })
    .map(([key, value]) => `const ${key} = ${JSON.stringify(value)};`)
    .join("\n");

/** Who writes until `end()`: a page or a worker that is gone then, whatever it was about to do. */
const WRITERS = {
  async "a page that is closed"(name) {
    const frame = document.createElement("iframe");
    const told = new Promise((resolve) => {
      globalThis.saidByFrame = resolve;
    });
    frame.srcdoc = `<!doctype html><script type="module">
      const said = () => parent.saidByFrame();
      ${given(name)} ${HANGING}</script>`;
    document.body.append(frame);
    await told;
    return () => frame.remove();
  },

  async "a worker that is ended"(name) {
    const source = `const said = () => postMessage("said"); ${given(name)} ${HANGING}`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    return () => worker.terminate();
  },
};

function withDatabase(work) {
  return async () => {
    const name = nameDatabase();
    const storage = new DirectoryStorage(name);
    try {
      await work(storage, name);
    } finally {
      await storage.close();
      await removeDatabase(name);
    }
  };
}

/** A request whose success is told when `work` is done. */
function late(request, work) {
  const told = {
    get result() {
      return request.result;
    },
    get error() {
      return request.error;
    },
    set onsuccess(listener) {
      request.onsuccess = async () => {
        await work();
        listener({ type: "success", target: told, currentTarget: told });
      };
    },
    set onerror(listener) {
      request.onerror = () => listener({ type: "error", target: told, currentTarget: told });
    },
  };
  return told;
}

const counts = async (name) => {
  const { records, chunks, stages } = await keysIn(name);
  return `${records.length} records, ${chunks.length} chunks, ${stages.length} stages`;
};

describe("what is left in a database", () => {
  for (const [who, begin] of Object.entries(WRITERS)) {
    it(
      `by ${who} in the middle of a stream is seen by nobody, and swept`,
      withDatabase(async (storage, name) => {
        await storage.set(id, "before");
        const end = await begin(name);
        // Three pieces lie there, in two chunks each: the fourth waits for what comes behind it.
        equal(await counts(name), "1 records, 6 chunks, 1 stages", "while it is written");
        end();
        equal(new TextDecoder().decode((await storage.get(id)).data), "before", "content");
        equal(await storage.sweep(), 0, "sessions that were swept");
        await aheadBy(DAY - MINUTE, () => storage.sweep());
        equal(await counts(name), "1 records, 6 chunks, 1 stages", "before its day is over");
        await aheadBy(DAY + MINUTE, () => storage.sweep());
        equal(await counts(name), "1 records, 0 chunks, 0 stages", "after a sweep");
        equal(new TextDecoder().decode((await storage.get(id)).data), "before", "content");
      }),
    );
  }

  it(
    "by a write that took longer than a day is cleared, and the write fails",
    withDatabase(async (storage, name) => {
      await storage.set(id, "before");
      const write = storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        for (let number = 0; number < 3; number += 1) await writer.write(new Uint8Array(PIECE));
        // As another tab does when a machine wakes up that has slept in the meantime.
        await aheadBy(DAY + MINUTE, () => new DirectoryStorage(name).sweep());
        await writer.write(new Uint8Array(PIECE));
      });
      const error = await rejection(write);
      equal(error.code, "ERR_SESSION_STORAGE", "code");
      matches(error.message, /cleared/, "message");
      equal(new TextDecoder().decode((await storage.get(id)).data), "before", "content");
      await aheadBy(2 * (DAY + MINUTE), () => storage.sweep());
      equal(await counts(name), "1 records, 0 chunks, 0 stages", "after a sweep");
    }),
  );

  it(
    "by a write that is published while a sweep looks at it is not cleared",
    withDatabase(async (storage, name) => {
      const staged = Promise.withResolvers();
      const held = Promise.withResolvers();
      const write = storage.write(id, async (channel) => {
        await channel.getWriter().write(new Uint8Array(3 * PIECE).fill(5));
        staged.resolve();
        await held.promise;
      });
      await staged.promise;
      // What the sweep finds past its day is published before the sweep goes on.
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (...words) {
        const request = getAll.apply(this, words);
        if (this.name !== "stages") return request;
        IDBObjectStore.prototype.getAll = getAll;
        return late(request, () => {
          held.resolve();
          return write;
        });
      };
      try {
        await aheadBy(DAY + MINUTE, () => new DirectoryStorage(name).sweep());
      } finally {
        IDBObjectStore.prototype.getAll = getAll;
      }
      await write;
      equal((await storage.get(id)).data.length, 3 * PIECE, "the length of the content");
    }),
  );

  it(
    "by a session that was replaced stays for its readers, and is then swept",
    withDatabase(async (storage, name) => {
      const content = new Uint8Array(3 * PIECE).fill(1);
      await storage.set(id, content);
      const read = await storage.read(id, async (channel) => {
        const reader = channel.getReader();
        let length = (await reader.read()).value.length;
        await storage.set(id, "after");
        await aheadBy(9 * MINUTE, () => storage.sweep());
        for (let piece; !(piece = await reader.read()).done;) length += piece.value.length;
        return length;
      });
      equal(read, content.length, "bytes that were read");
      equal(await counts(name), "1 records, 6 chunks, 1 stages", "before the ten minutes are over");
      await aheadBy(11 * MINUTE, () => storage.sweep());
      equal(await counts(name), "1 records, 0 chunks, 0 stages", "after a sweep");
    }),
  );

  it(
    "behind many markers whose time has not come is cleared by the next sweeps",
    withDatabase(async (storage, name) => {
      await storage.set(id, "content");
      await inStore(name, "stages", async (stages) => {
        const until = Date.now() + DAY;
        for (let number = 0; number < 600; number += 1) stages.put({ name: `0${1_000 + number}`, until });
        for (const left of ["f0", "f1"]) stages.put({ name: left, until: 1 });
      });
      await inStore(name, "chunks", async (chunks) => chunks.put(new Uint8Array(10), ["f1", 0]));
      for (let sweeps = 0; sweeps < 5; sweeps += 1) await storage.sweep();
      equal(await counts(name), "1 records, 0 chunks, 600 stages", "after some sweeps");
    }),
  );

  it(
    "is cleared by writes too, where nobody sweeps",
    withDatabase(async (storage, name) => {
      for (let round = 0; round < 8; round += 1) await storage.set(id, new Uint8Array(2 * PIECE));
      equal(await counts(name), "1 records, 32 chunks, 7 stages", "before the ten minutes are over");
      await aheadBy(11 * MINUTE, async () => {
        for (let write = 0; write < 64; write += 1) await storage.set("another", "small");
      });
      equal(await counts(name), "2 records, 4 chunks, 0 stages", "after some writes");
    }),
  );

  it(
    "is no value so large that an engine keeps it in a file of its own",
    withDatabase(async (storage, name) => {
      for (const length of [0, 1, 32_768, 61_440, 61_441, 65_535, 65_536, 65_537, 131_072, 131_073]) {
        const content = new Uint8Array(length).map((_, at) => at % 251);
        await storage.set(id, content, { tags: ["a tag"] });
        const { data, info } = await storage.get(id);
        equal(
          data.length === length && data.every((byte, at) => byte === at % 251),
          true,
          `the content of ${length}`,
        );
        equal(info.byteLength, length, "length");
        for (const store of ["records", "chunks"]) {
          const values = await inStore(name, store, (own) => resultOf(own.getAll()));
          for (const value of values)
            equal(value.length < 63 * 1_024, true, `a value of ${value.length} bytes`);
        }
      }
    }),
  );
});
