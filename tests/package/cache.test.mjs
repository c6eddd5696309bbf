// CacheStorage: what it spares its delegate, what it forgets, and what a delegate of one's own may do to it.
import {
  CacheStorage,
  DirectoryStorage,
  SessionError,
  SessionStorageMemory,
  broadcastChanges,
  directorySessionStorage,
} from "sessile";
import { equal, rejection, same } from "./expect.mjs";
import { fs, makeFolder, removeFolder } from "./folders.mjs";
import { describe, it } from "./harness.mjs";
import { ownStorage, threeMethods } from "./own-storage.mjs";

/** A storage of one's own that counts its calls, and holds those that are told to wait. */
function counted(options) {
  const own = ownStorage(options);
  const calls = {};
  const gates = {};
  for (const [name, method] of Object.entries(own)) {
    if (typeof method !== "function") continue;
    own[name] = (...given) => {
      calls[name] = (calls[name] ?? 0) + 1;
      const gate = gates[name];
      return gate === undefined ? method(...given) : gate.then(() => method(...given));
    };
  }
  const hold = (name) => {
    const { promise, resolve } = Promise.withResolvers?.() ?? deferred();
    gates[name] = promise;
    return () => {
      delete gates[name];
      resolve();
    };
  };
  return { own, calls, hold };
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

const later = () => new Promise((done) => setTimeout(done, 0));

describe("CacheStorage", () => {
  it("answers from memory what was read or written", async () => {
    const { own, calls } = counted();
    const cache = new CacheStorage(own);
    await own.set("a", '{"n":1}');
    same(await cache.getJson("a"), { n: 1 });
    same(await cache.getJson("a"), { n: 1 });
    const { data, info } = await cache.get("a");
    equal(new TextDecoder().decode(data), '{"n":1}');
    same(info, await own.info("a"));
    equal(await cache.read("a", (channel) => new Response(channel).text()), '{"n":1}');
    equal(calls.get, 1, "calls of get()");
    equal(calls.read, undefined, "calls of read()");
    equal(cache.cacheStats().hits, 3, "hits");
    equal(cache.cacheStats().misses, 1, "misses");
  });

  it("asks once for many who want the same at once", async () => {
    const { own, calls, hold } = counted();
    const cache = new CacheStorage(own);
    await own.set("a", "content");
    const go = hold("get");
    const all = Array.from({ length: 50 }, () => cache.get("a"));
    await later();
    go();
    for (const found of await Promise.all(all)) equal(found.data.length, 7);
    equal(calls.get, 1, "calls of get()");
  });

  it("C4_a_read_under_way_during_an_invalidate_brings_nothing_back", async () => {
    const { own, hold } = counted();
    const cache = new CacheStorage(own);
    await own.set("a", "content");
    const go = hold("invalidate");
    const invalidated = cache.invalidate("a");
    const early = cache.get("a");
    await early;
    go();
    equal(await invalidated, true);
    equal(await cache.get("a"), undefined);
  });

  it("keeps no failure, and passes a delegate's own error on as it is, to each who waited", async () => {
    const { own, hold } = counted();
    const cache = new CacheStorage(own);
    await own.set("a", "content");
    const reason = new Error("the wire is cut");
    const { get } = own;
    own.get = () => Promise.reject(reason);
    const failures = await Promise.all([rejection(cache.get("a")), rejection(cache.getJson("a"))]);
    for (const failure of failures) equal(failure, reason);
    own.get = get;
    equal((await cache.get("a")).data.length, 7);
    hold("get");
    equal((await cache.get("a")).data.length, 7, "from memory");
  });

  it("forgets at its age, at the session's end, and when told", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const { own, calls } = counted({ clock });
    const cache = new CacheStorage(own, { clock, idleTimeout: 100, absoluteTimeout: 250 });
    await cache.set("a", "content");
    await cache.get("a");
    for (const step of [90, 90, 60]) {
      now += step;
      await cache.get("a");
    }
    equal(calls.get, 1, "calls while the entry was young");
    now += 20;
    await cache.get("a");
    equal(calls.get, 2, "calls after its age");
    now += 100;
    await cache.get("a");
    equal(calls.get, 3, "calls after a time without use");
    cache.forget("a");
    await cache.get("a");
    cache.forget();
    await cache.get("a");
    equal(calls.get, 5, "calls after forget()");
    await cache.set("b", "content", { idleTimeout: 50 });
    now += 50;
    equal(await cache.get("b"), undefined, "an expired session");
  });

  it("stands in front of an object with three methods", async () => {
    const cache = new CacheStorage(threeMethods());
    equal(await cache.getJson("a"), undefined);
    await cache.setJson("a", { n: 1 });
    same(await cache.getJson("a"), { n: 1 });
    same(await cache.getJson("a"), { n: 1 });
    equal(cache.cacheStats().hits, 1, "hits");
    equal(await cache.invalidate("a"), true);
    equal(await cache.getJson("a"), undefined);
    equal((await rejection(cache.touch("a"))).code, "ERR_SESSION_UNSUPPORTED");
    equal((await rejection(cache.read("a", () => 0))).code, "ERR_SESSION_NOT_FOUND");
  });

  it("passes by what is larger than an entry may be, in pieces", async () => {
    const memory = new SessionStorageMemory();
    const cache = new CacheStorage(threeMethods(memory), { maxEntryBytes: 1_000 });
    const pieces = Array.from({ length: 40 }, (_, at) => new Uint8Array(50_000).fill(at));
    await cache.write("a", async (channel) => {
      const writer = channel.getWriter();
      for (const piece of pieces) await writer.write(piece);
    });
    equal(cache.cacheStats().sessions, 0, "entries");
    const whole = new Uint8Array(await cache.read("a", (channel) => new Response(channel).arrayBuffer()));
    equal(whole.length, 2_000_000);
    equal(whole[1_999_999], 39);
    const first = await cache.read("a", async (channel) => (await channel.getReader().read()).value);
    equal(first[0], 0, "by a consumer that stops early");
    equal(cache.cacheStats().sessions, 0, "entries");
  });

  it("tells what is wrong with a delegate that answers with rubbish", async () => {
    const rubbish = [
      { read: async () => "never called" },
      { read: async (_, consumer) => consumer("no stream", { revision: "1", createdAt: 1, tags: [] }) },
      { read: async (_, consumer) => consumer(new Blob(["x"]).stream(), { createdAt: 1 }) },
      { read: async (_, consumer) => consumer(new Blob(["x"]).stream(), undefined) },
      { get: async () => "no object", read: threeMethods().read },
      { get: async () => ({ data: "text", info: {} }), read: threeMethods().read },
    ];
    for (const methods of rubbish) {
      const cache = new CacheStorage({ ...threeMethods(), ...methods });
      const failure = await rejection(cache.get("a"));
      equal(failure instanceof SessionError, true, String(failure));
      equal(failure.code, "ERR_SESSION_STORAGE");
    }
    for (const write of [async () => "1", async (_, provider) => provider("no stream"), async () => 17]) {
      const cache = new CacheStorage({ ...threeMethods(), write });
      equal((await rejection(cache.set("a", "content"))).code, "ERR_SESSION_STORAGE");
    }
  });

  it("C1_a_provider_that_fails_ends_the_delegates_write_too", async () => {
    const memory = new SessionStorageMemory();
    const cache = new CacheStorage(threeMethods(memory));
    await cache.set("a", "old");
    const reason = new Error("given up");
    const write = cache.write("a", async (channel) => {
      await channel.getWriter().write(new Uint8Array(10));
      throw reason;
    });
    equal(await rejection(write), reason);
    equal(await cache.read("a", (channel) => new Response(channel).text()), "old");
  });

  it("asks a subclass through its own methods", async () => {
    class Logged extends SessionStorageMemory {
      gets = 0;
      get(id) {
        this.gets += 1;
        return super.get(id);
      }
    }
    const logged = new Logged();
    await logged.set("a", "content");
    const cache = new CacheStorage(logged);
    await cache.get("a");
    await cache.get("a");
    equal(logged.gets, 1);
  });

  it("turns an equal write into a touch where it was asked to", async () => {
    const { own, calls } = counted();
    own.capabilities = { ...own.capabilities, shared: false };
    const cache = new CacheStorage(own, { skipEqualWrites: true });
    const revision = await cache.set("a", "content");
    await cache.get("a");
    equal(await cache.set("a", "content"), revision);
    equal(calls.set, 1, "calls of set()");
    equal(calls.touch, 1, "calls of touch()");
    equal((await cache.set("a", "other")) === revision, false);
  });

  it("refuses what is no delegate and options that make no sense", async () => {
    const wrong = [undefined, null, 17, {}, { read() {}, write() {} }];
    for (const delegate of wrong) {
      equal((await rejection((async () => new CacheStorage(delegate))())).code, "ERR_SESSION_INVALID_OPTION");
    }
    for (const options of [
      { maxBytes: 0 },
      { idleTimeout: -1 },
      { skipEqualWrites: 1 },
      { clock: 1 },
      null,
    ]) {
      const made = async () => new CacheStorage(new SessionStorageMemory(), options);
      equal((await rejection(made())).code, "ERR_SESSION_INVALID_OPTION", JSON.stringify(options));
    }
  });
});

describe("directorySessionStorage", () => {
  if (fs === undefined) return;

  it("stands behind a cache unless told otherwise", async () => {
    const root = makeFolder();
    const cached = directorySessionStorage(root, { idleTimeout: "30m" });
    await cached.setJson("a", { n: 1 });
    await new DirectoryStorage(root).setJson("a", { n: 2 });
    same(await cached.getJson("a"), { n: 1 }, "what another process wrote is seen within a minute");
    cached.forget("a");
    same(await cached.getJson("a"), { n: 2 });
    const plain = directorySessionStorage(root, { cached: false });
    equal(plain instanceof DirectoryStorage, true);
    same(await plain.getJson("a"), { n: 2 });
    const small = directorySessionStorage(root, { cached: { maxSessions: 1 } });
    await small.getJson("a");
    equal(small.cacheStats().sessions, 1);
    equal(
      (await rejection((async () => directorySessionStorage(root, { cached: 1 }))())).code,
      "ERR_SESSION_INVALID_OPTION",
    );
    await removeFolder(root);
  });
});

describe("caches that tell each other of changes", () => {
  it("refuse what cannot tell", async () => {
    for (const changes of [null, 5, {}, { subscribe() {} }]) {
      const made = (async () => new CacheStorage(new SessionStorageMemory(), { changes }))();
      equal((await rejection(made)).code, "ERR_SESSION_INVALID_OPTION", "code");
    }
    equal((await rejection((async () => broadcastChanges(""))())).code, "ERR_SESSION_INVALID_OPTION", "code");
  });

  it("are told by whatever tells", async () => {
    const told = [];
    let tell;
    let ended = 0;
    const changes = {
      nameOf: (id) => `name of ${id}`,
      subscribe(listener) {
        tell = listener;
        return () => (ended += 1);
      },
      publish: (name) => told.push(name),
    };
    const memory = new SessionStorageMemory();
    const cache = new CacheStorage(memory, { changes });
    await cache.set("a", "before");
    await cache.set("b", "before");
    for (const id of ["a", "b"]) await cache.get(id);
    for (const id of ["a", "b"]) await memory.set(id, "after");
    const texts = async () => {
      const found = [await cache.get("a"), await cache.get("b")];
      return found.map(({ data }) => new TextDecoder().decode(data));
    };
    same(await texts(), ["before", "before"], "before it was told");
    tell("name of nobody");
    tell("name of a");
    same(await texts(), ["after", "before"], "once it was told of one");
    tell(undefined);
    same(await texts(), ["after", "after"], "once it was told of all");
    await cache.touch("a");
    await cache.invalidate("b");
    await cache.invalidateTagged("tag");
    same(told, ["name of a", "name of b", "name of a", "name of b", undefined], "what was told to others");
    await cache.close();
    equal(ended, 1, "how often it was ended");
    tell("name of a");
    tell(undefined);
  });

  it("know only so many names", async () => {
    let tell;
    const changes = { nameOf: (id) => id, subscribe: (listener) => ((tell = listener), () => {}) };
    const memory = new SessionStorageMemory();
    const cache = new CacheStorage(memory, { changes, maxSessions: 10 });
    for (let at = 0; at < 30; at += 1) {
      await memory.set(`id ${at}`, "before");
      await cache.get(`id ${at}`);
    }
    equal(cache.cacheStats().sessions <= 10, true, "whether no entry is left that cannot be told of");
    for (let at = 0; at < 30; at += 1) {
      await memory.set(`id ${at}`, "after");
      tell(`id ${at}`);
      equal(new TextDecoder().decode((await cache.get(`id ${at}`)).data), "after", `session ${at}`);
    }
    await cache.close();
  });

  it("C4: keep no write whose name was given up before it was done", async () => {
    for (const isNotedAgain of [false, true]) {
      let tell;
      const changes = { nameOf: (id) => id, subscribe: (listener) => ((tell = listener), () => {}) };
      const memory = new SessionStorageMemory();
      const cache = new CacheStorage(memory, { changes, maxSessions: 10 });
      await cache.write("id", async (channel) => {
        for (let at = 0; at < 10; at += 1) await cache.get(`other ${at}`);
        if (isNotedAgain) await cache.info("id");
        await channel.getWriter().write(new TextEncoder().encode("content"));
      });
      const before = cache.cacheStats().sessions;
      await memory.invalidate("id");
      tell("id");
      equal(await cache.get("id"), undefined, `what another has ended, with ${before} entries`);
      await cache.close();
    }
  });

  if ("BroadcastChannel" in globalThis) {
    it("hear of each other over a channel", async () => {
      const memory = new SessionStorageMemory();
      const name = `test ${Math.random()}`;
      const [here, there] = [0, 1].map(() => new CacheStorage(memory, { changes: broadcastChanges(name) }));
      const ways = {
        set: () => here.set("id", "after"),
        setJson: () => here.setJson("id", {}),
        write: () => here.write("id", () => undefined),
        invalidate: () => here.invalidate("id"),
        invalidateTagged: () => here.invalidateTagged("ada"),
      };
      for (const [way, change] of Object.entries(ways)) {
        const revision = await there.set("id", "before", { tags: ["ada"] });
        await there.get("id");
        await change();
        for (let turn = 0; (await there.get("id"))?.info.revision === revision; turn += 1) {
          if (turn > 2_000) throw new Error(`${way}() was not heard of`);
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      }
      await here.close();
      await there.close();
    });
  }
});
