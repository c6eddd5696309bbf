// What others do to the database while a storage has it open: a later version, a removal, one who holds it, and a
// connection that the browser takes away.
import { DirectoryStorage, SessionError } from "sessile";
import { clearSite, holdDatabase, keysIn, nameDatabase, removeDatabase, resultOf } from "./databases.mjs";
import { equal, matches, rejection } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const id = "the-session";
const text = async (storage, of = id) => {
  const found = await storage.get(of);
  return found && new TextDecoder().decode(found.data);
};
const LARGE = new Uint8Array(200_000).fill(7);

/** Calls `work` with a storage over a database of its own, which is gone afterwards. */
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

/**
 * Resolves when the database is removed, which needs all others to let go of it. Chromium calls a removal blocked also by
 * a connection that was closed just now: what tells is that it ends.
 */
const removed = (name) => resultOf(indexedDB.deleteDatabase(name));

/** Opens the database in a later version, as a later release does. */
async function upgrade(name, version) {
  (await resultOf(indexedDB.open(name, version))).close();
}

/** Calls, each of which must settle: well, or with an error that has a code. */
class Calls {
  #failures = [];

  /** Answers when it has ended. */
  make(call) {
    const ended = call.catch((error) => error);
    this.#failures.push(ended);
    return ended;
  }

  async end() {
    for (const answer of await Promise.all(this.#failures)) {
      if (answer instanceof Error && !(answer instanceof SessionError)) throw answer;
    }
  }
}

describe("a database that others want for themselves", () => {
  it(
    "is let go at once for a later version, and its sessions are left to it",
    withDatabase(async (storage, name) => {
      await storage.set(id, "content");
      await upgrade(name, 2);
      for (const call of [
        () => storage.get(id),
        () => storage.set(id, "later"),
        () => storage.write(id, () => undefined),
        () => storage.invalidate(id),
        () => storage.sweep(),
      ]) {
        const error = await rejection(call());
        equal(error.code, "ERR_SESSION_UNSUPPORTED", "code");
        matches(error.message, /later release/, "message");
      }
      const left = Object.entries(await keysIn(name)).flatMap(([store, keys]) => keys.map(() => store));
      equal(left.join(), "records", "what lies in the database");
    }),
  );

  it(
    "is let go for a removal, over and over, and made anew by the next call",
    withDatabase(async (storage, name) => {
      for (const content of ["one", "two", "three"]) {
        await storage.set(id, content);
        equal(await text(storage), content, "content");
        await removed(name);
        equal(await text(storage), undefined, "content of a removed database");
      }
    }),
  );

  it(
    "is let go in the middle of many calls, all of which end",
    withDatabase(async (storage, name) => {
      await storage.set("large", LARGE);
      const calls = new Calls();
      for (let number = 0; number < 60; number += 1) {
        calls.make(storage.set(`session ${number}`, "content"));
        calls.make(storage.set("large", LARGE));
        if (number % 20 === 10) calls.make(removed(name));
        calls.make(storage.get("large"));
        const last = calls.make(storage.get(`session ${number - 20}`));
        if (number % 2 === 1) await last;
      }
      await calls.end();
      await storage.set(id, "content");
      equal(await text(storage), "content", "content");
    }),
  );

  it(
    "is let go under a reader, who is never told that a part is all",
    withDatabase(async (storage, name) => {
      await storage.set(id, LARGE);
      const read = storage.read(id, async (channel) => {
        const reader = channel.getReader();
        let { value } = await reader.read();
        let length = value.length;
        await removed(name);
        for (;;) {
          const piece = await reader.read();
          if (piece.done) return length;
          length += piece.value.length;
        }
      });
      const error = await rejection(read);
      equal(error instanceof SessionError, true, "a typed error");
      equal(await text(storage), undefined, "content of a removed database");
    }),
  );

  it(
    "is let go under a writer, whose content is published whole or not at all",
    withDatabase(async (storage, name) => {
      const write = storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        await writer.write(LARGE);
        await removed(name);
        await writer.write(LARGE);
      });
      const error = await rejection(write);
      equal(error.code, "ERR_SESSION_STORAGE", "code");
      equal(await text(storage), undefined, "content");
      const { chunks } = await keysIn(name);
      equal(chunks.length, 0, "parts that are left");
    }),
  );
});

/** Calls `work` while timers are told by the test: it is given `elapse()`, which waits for one and ends it. */
async function withTimers(work) {
  const { setTimeout } = globalThis;
  const armed = [];
  let arrived = () => undefined;
  globalThis.setTimeout = (end, milliseconds) => {
    armed.push({ end, milliseconds });
    arrived();
  };
  try {
    return await work(async () => {
      if (armed.length === 0) await new Promise((resolve) => (arrived = resolve));
      const { end, milliseconds } = armed.shift();
      end();
      return milliseconds;
    });
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

describe("a database that another holds", () => {
  it(
    "is refused after a time, and open again when it is free",
    withDatabase(async (storage, name) => {
      const holder = await holdDatabase(name, 1);
      // Whoever opens it from here on waits until it is removed, which the holder does not allow.
      const removal = removed(name);
      await withTimers(async (elapse) => {
        for (const call of [() => storage.set(id, "content"), () => storage.get(id)]) {
          const refused = rejection(call());
          equal(await elapse(), 5_000, "milliseconds until it is refused");
          const error = await refused;
          equal(error.code, "ERR_SESSION_STORAGE", "code");
          matches(error.message, /another tab/, "message");
        }
      });
      holder.close();
      await removal;
      await storage.set(id, "content");
      equal(await text(storage), "content", "content");
      // What was opened too late is not kept by anybody.
      await storage.close();
      await removed(name);
    }),
  );

  it(
    "fails all who wait for it, and each of them alone",
    withDatabase(async (storage, name) => {
      const holder = await holdDatabase(name, 1);
      const removal = removed(name);
      await withTimers(async (elapse) => {
        const calls = [storage.get(id), storage.get("other"), storage.set(id, "content")].map(rejection);
        await elapse();
        for (const call of calls) equal((await call).code, "ERR_SESSION_STORAGE", "code");
      });
      holder.close();
      await removal;
      equal(await text(storage), undefined, "content");
    }),
  );
});

describe("a connection that the browser takes away", () => {
  it(
    "is replaced, once the site's data is cleared",
    withDatabase(async (storage) => {
      for (const content of ["one", "two"]) {
        await storage.set(id, content);
        await clearSite();
        equal(await text(storage), undefined, "content that was cleared");
        await storage.set(id, "after");
        equal(await text(storage), "after", "content");
      }
    }),
  );

  it(
    "ends the calls in flight, well or with an error that has a code",
    withDatabase(async (storage) => {
      await storage.set("large", LARGE);
      const calls = new Calls();
      for (let number = 0; number < 200; number += 1) {
        calls.make(storage.set(`session ${number}`, "content"));
        if (number === 20) calls.make(clearSite());
        const last = calls.make(storage.get("large"));
        if (number % 10 === 0) await last;
      }
      await calls.end();
      await storage.set(id, "content");
      equal(await text(storage), "content", "content");
    }),
  );

  it(
    "fails a reader in the middle of its content",
    withDatabase(async (storage) => {
      await storage.set(id, LARGE);
      const read = storage.read(id, async (channel) => {
        const reader = channel.getReader();
        let length = (await reader.read()).value.length;
        await clearSite();
        for (;;) {
          const piece = await reader.read();
          if (piece.done) return length;
          length += piece.value.length;
        }
      });
      equal((await rejection(read)) instanceof SessionError, true, "a typed error");
    }),
  );
});
