// Storages of one's own that do not answer: a typed error within the time, and the next call works.
import { CacheStorage, SessionStorageMemory, SimplifiedSessionStorage } from "sessile";
import { equal, matches, rejection } from "./expect.mjs";
import { gate } from "./gates.mjs";
import { describe, it } from "./harness.mjs";
import { ownStorage, threeMethods } from "./own-storage.mjs";

const text = ({ data }) => new TextDecoder().decode(data);
const content = (channel) => new Response(channel).text();
const never = () => new Promise(() => {});
const timeout = 20;

async function fails(call, what) {
  const error = await rejection(call);
  equal(error.code, "ERR_SESSION_STORAGE", `${what}: code of ${error.message}`);
  matches(error.message, /no answer after 20 ms/, what);
}

/** Holds the next call of a method. What it answers lets the call go, and resolves when that has ended. */
function holding(own, method) {
  const [held, ended, before] = [gate(), gate(), own[method]];
  own[method] = async (...given) => {
    own[method] = before;
    await held.opened;
    return before(...given).finally(() => setTimeout(ended.open, 0));
  };
  return () => {
    held.open();
    return ended.opened;
  };
}

describe("a cache over a storage that hangs", () => {
  const calls = {
    get: (cache) => cache.get("id"),
    set: (cache) => cache.set("id", "changed"),
    read: (cache) => cache.read("id", content),
    write: (cache) => cache.write("id", () => undefined),
    touch: (cache) => cache.touch("id"),
    info: (cache) => cache.info("id"),
    invalidate: (cache) => cache.invalidate("id"),
    invalidateTagged: (cache) => cache.invalidateTagged("ada"),
    sweep: (cache) => cache.sweep(),
    stats: (cache) => cache.stats(),
    close: (cache) => cache.close(),
  };

  for (const [method, call] of Object.entries(calls)) {
    it(`fails in time in ${method}(), and works when that does`, async () => {
      const own = ownStorage();
      const cache = new CacheStorage(own, { timeout });
      await own.set("id", "content", { tags: ["ada"] });
      const before = own[method];
      own[method] = never;
      await Promise.all([1, 2].map(() => fails(call(cache), method)));
      own[method] = before;
      if (method === "close") return;
      await call(cache);
      await cache.set("id", "afterwards");
      equal(text(await cache.get("id")), "afterwards");
    });
  }

  it("fails in time in listTagged()", async () => {
    const own = ownStorage();
    const cache = new CacheStorage(own, { timeout });
    own.listTagged = async function* () {
      yield { revision: "1", createdAt: 1, tags: ["ada"] };
      await never();
    };
    const listing = async () => {
      for await (const info of cache.listTagged("ada")) equal(info.revision, "1");
    };
    await fails(listing(), "listTagged");
  });

  it("fails in time in the middle of a stream, and not while its caller is at work", async () => {
    const memory = new SessionStorageMemory();
    const own = threeMethods(memory);
    const cache = new CacheStorage(own, { timeout });
    await memory.set("id", "content");
    const { read, write } = own;
    own.read = (id, consumer) => read(id, (_, info) => consumer(new ReadableStream({ pull: never }), info));
    await fails(cache.get("id"), "get");
    await fails(cache.read("id", content), "read");
    own.read = read;
    own.write = (id, provider) => write(id, () => provider(new WritableStream({ write: never })));
    await fails(cache.set("id", "changed"), "set");
    own.write = async (id, provider) => {
      await provider(new WritableStream());
      await never();
    };
    await fails(cache.set("id", "changed"), "the end of set");
    own.write = write;
    const longer = () => new Promise((resolve) => setTimeout(resolve, 3 * timeout));
    await cache.write("id", async (channel) => {
      await longer();
      await channel.getWriter().write(new TextEncoder().encode("slowly"));
      await longer();
    });
    cache.forget();
    const slowly = async (channel) => {
      await longer();
      return content(channel);
    };
    equal(await cache.read("id", slowly), "slowly");
  });

  for (const method of ["set", "invalidate", "touch"]) {
    it(`C9: keeps nothing that a ${method}() has changed which ended after its time`, async () => {
      const own = ownStorage();
      const cache = new CacheStorage(own, { timeout });
      await own.set("id", "content", { idleTimeout: "1h" });
      const go = holding(own, method);
      await fails(calls[method](cache), method);
      equal(text(await cache.get("id")), "content");
      await go();
      const found = await cache.get("id");
      equal(found && text(found), { set: "changed", touch: "content" }[method]);
      const asked = await own.info("id");
      equal((await cache.info("id"))?.expiresAt, asked?.expiresAt, "expiresAt");
    });
  }

  it("may be told to wait for ever", async () => {
    const own = ownStorage();
    const go = holding(own, "get");
    const getting = new CacheStorage(own, { timeout: null }).get("id");
    await new Promise((resolve) => setTimeout(resolve, 3 * timeout));
    await go();
    equal(await getting, undefined);
  });
});

describe("a simplified storage over a medium that hangs", () => {
  class InAMap extends SimplifiedSessionStorage {
    map = new Map();
    async load(key) {
      return this.map.get(key) ?? null;
    }
    async store(key, data) {
      if (data === null) this.map.delete(key);
      else this.map.set(key, data);
    }
  }

  it("fails in time in load(), and works when that does", async () => {
    const storage = new InAMap({ timeout });
    await storage.set("id", "content");
    const { load } = storage;
    storage.load = never;
    await fails(storage.get("id"), "get");
    await fails(storage.set("id", "changed"), "set");
    await fails(storage.invalidate("id"), "invalidate");
    storage.load = load;
    await storage.set("id", "afterwards");
    equal(text(await storage.get("id")), "afterwards");
  });

  it("C4: fails in time in store(), whose late end undoes nothing", async () => {
    const storage = new InAMap({ timeout });
    await storage.set("id", "content");
    const { store } = storage;
    const late = gate();
    storage.store = async (...given) => {
      await late.opened;
      return store.apply(storage, given);
    };
    await fails(storage.set("id", "late"), "set");
    storage.store = store;
    // Where it has not ended, nobody knows what it will do.
    await fails(storage.invalidate("id"), "invalidate");
    equal(text(await storage.get("id")), "content", "meanwhile");
    await storage.set("other", "content");
    equal(text(await storage.get("other")), "content", "another session");
    const ending = storage.invalidate("id");
    late.open();
    equal(await ending, true);
    equal(await storage.get("id"), undefined, "what was ended");
    await storage.set("id", "afterwards");
    equal(text(await storage.get("id")), "afterwards");
  });

  it("refuses a time that makes no sense", async () => {
    for (const timeout of [0, "soon", null]) {
      equal((await rejection((async () => new InAMap({ timeout }))())).code, "ERR_SESSION_INVALID_OPTION");
    }
  });
});
