// A storage for many machines that is made of two methods, and that in Deno KV.
import { SharedSessionStorage } from "sessile";
import { testSessionStorage } from "sessile/testing";
import { equal, matches, rejection, same } from "./expect.mjs";
import { keyOf } from "./folders.mjs";
import { describe, it } from "./harness.mjs";

let versions = 0;

/** Rows with a compare-and-set, which outlive the storage as a database does. */
class InRows extends SharedSessionStorage {
  constructor(options, rows = new Map()) {
    super(options);
    this.rows = rows;
  }

  async load(key) {
    return this.rows.get(key) ?? null;
  }

  async replace(key, version, record) {
    if ((this.rows.get(key)?.version ?? null) !== version) return false;
    if (record === null) this.rows.delete(key);
    else this.rows.set(key, { ...record, version: String((versions += 1)) });
    return true;
  }
}

class InTaggedRows extends InRows {
  async tagged(tag) {
    return this.#keys((row) => row.tags.includes(tag));
  }

  async expired(now, limit) {
    return this.#keys((row) => row.expiresAt !== null && row.expiresAt <= now).slice(0, limit);
  }

  async count() {
    const lengths = [...this.rows.values()].map((row) => row.byteLength).filter((length) => length !== null);
    return { sessions: lengths.length, bytes: lengths.reduce((sum, length) => sum + length, 0) };
  }

  #keys(is) {
    return [...this.rows].filter(([, row]) => is(row)).map(([key]) => key);
  }
}

const all = {
  wholeValues: true,
  timeouts: true,
  clock: true,
  conditional: true,
  durable: true,
  shared: true,
  patience: 50_000,
};

async function damage(storage, id) {
  const key = await keyOf(id);
  const row = storage.rows.get(key);
  const data = row.data.slice();
  data[data.length - 1] ^= 1;
  storage.rows.set(key, { ...row, data, version: String((versions += 1)) });
}

function testRows(Storage, more) {
  testSessionStorage({ describe, it }, (options) => new Storage(options), {
    ...all,
    ...more,
    limits: { maxSessionBytes: true },
    reopen: async (storage, options) => {
      await storage.close();
      return new Storage(options, storage.rows);
    },
    join: (storage, options) => new Storage(options, storage.rows),
    damage,
  });
}

describe("SharedSessionStorage", () => testRows(InTaggedRows, { tags: true, housekeeping: true }));

describe("SharedSessionStorage of two methods", () => {
  it("says what it cannot do", async () => {
    const storage = new InRows();
    same(storage.capabilities, {
      streams: false,
      conditional: true,
      tags: false,
      durable: true,
      shared: true,
    });
    equal((await rejection(storage.setJson("id", 1, { tags: ["a"] }))).code, "ERR_SESSION_UNSUPPORTED");
    equal((await rejection(storage.invalidateTagged("a"))).code, "ERR_SESSION_UNSUPPORTED");
    equal((await rejection(storage.stats())).code, "ERR_SESSION_UNSUPPORTED");
    equal(await storage.sweep(), 0, "swept");
    await storage.setJson("id", 1);
    equal(await storage.getJson("id"), 1);
  });

  it("tells rubbish from a record, and passes on what its methods throw", async () => {
    for (const [method, answers] of Object.entries({
      load: [1, {}, { data: "text", version: "1" }, { data: new Uint8Array(3) }],
      replace: [undefined, 1, "true"],
    })) {
      for (const answer of answers) {
        const storage = new InRows();
        storage[method] = async () => answer;
        const error = await rejection(storage.setJson("id", 1));
        equal(error.code, "ERR_SESSION_STORAGE", `${method}: ${String(answer)}`);
        matches(error.message, new RegExp(method), "message");
      }
    }
    const thrown = new Error("of one's own");
    const storage = new InRows();
    storage.load = () => {
      throw thrown;
    };
    equal(await rejection(storage.getJson("id")), thrown);
  });

  it("gives up what does not answer, and works again", async () => {
    const storage = new InRows({ timeout: 5 });
    const { load } = storage;
    storage.load = () => new Promise(() => {});
    const error = await rejection(storage.getJson("id"));
    equal(error.code, "ERR_SESSION_STORAGE");
    matches(error.message, /no answer after 5 ms/, "message");
    storage.load = load;
    await storage.setJson("id", 1);
    equal(await storage.getJson("id"), 1);
  });

  it("refuses options that make no sense", () => {
    for (const options of [{ durable: 1 }, { timeout: 0 }, { timeout: "soon" }, { idleTimeout: -1 }]) {
      let code;
      try {
        new InRows(options);
      } catch (error) {
        code = error.code;
      }
      equal(code, "ERR_SESSION_INVALID_OPTION", JSON.stringify(options));
    }
  });

  /** A storage whose calls are noted, and another over the same rows. */
  const noted = () => {
    const storage = new InRows({ idleTimeout: "30m", clock: () => time });
    const calls = [];
    for (const method of ["load", "replace"]) {
      const original = storage[method];
      storage[method] = async (...given) => {
        const answer = await original.apply(storage, given);
        calls.push(answer === false ? `${method} in vain` : method);
        return answer;
      };
    }
    const other = new InRows({ idleTimeout: "30m", clock: () => time }, storage.rows);
    const did = (...expected) => same(calls.splice(0), expected);
    return { storage, other, did };
  };
  let time = 1_000_000;

  it("C5 stores a revision that was read just now without another look", async () => {
    const { storage, did } = noted();
    await storage.set("id", "one");
    did("load", "replace");
    const { revision } = (await storage.get("id")).info;
    did("load");
    const next = await storage.set("id", "two", { ifRevision: revision });
    did("replace");
    // Which version that has is not known.
    await storage.set("id", "three", { ifRevision: next });
    did("load", "replace");
    await storage.get("id");
    did("load");
    time += 60_000;
    equal(await storage.touch("id"), true);
    did("replace");
    equal((await storage.info("id")).expiresAt, time + 1_800_000, "when it ends");
  });

  it("C5 looks again where another has written meanwhile", async () => {
    const { storage, other, did } = noted();
    await storage.set("id", "one");
    const { revision } = (await storage.get("id")).info;
    did("load", "replace", "load");
    time += 60_000;
    await other.touch("id");
    await storage.set("id", "two", { ifRevision: revision });
    did("replace in vain", "load", "replace");
    const found = (await storage.get("id")).info;
    await other.set("id", "three");
    const error = await rejection(storage.set("id", "four", { ifRevision: found.revision }));
    equal(error.code, "ERR_SESSION_CONFLICT");
    did("load", "replace in vain", "load");
    // Of a revision that is not the one that was read: it may be a later one, which this object has not seen.
    await storage.get("id");
    const later = await other.set("id", "five");
    await storage.set("id", "six", { ifRevision: later });
    did("load", "load", "replace");
  });

  it("C4 neither stores nor touches what another has ended since it was read", async () => {
    const { storage, other, did } = noted();
    const revision = await storage.set("id", "one");
    await storage.get("id");
    await other.invalidate("id");
    did("load", "replace", "load");
    equal((await rejection(storage.set("id", "two", { ifRevision: revision }))).code, "ERR_SESSION_CONFLICT");
    did("replace in vain", "load");
    await storage.get("id");
    equal(await storage.touch("id"), false);
    equal(await storage.get("id"), undefined);
  });

  it("C4 a write without a condition looks first", async () => {
    const { storage, other, did } = noted();
    await storage.set("id", "one", { idleTimeout: "1h" });
    await storage.get("id");
    await other.invalidate("id");
    did("load", "replace", "load");
    await storage.set("id", "two");
    did("load", "replace");
    equal((await storage.info("id")).createdAt, time, "when it began");
  });

  it("keeps in mind no more than a few small records", async () => {
    const { storage, did } = noted();
    const ids = Array.from({ length: 130 }, (_, at) => `id ${at}`);
    const revisions = [];
    for (const id of ids) revisions.push(await storage.set(id, "content"));
    const large = await storage.set("large", new Uint8Array(20_000));
    for (const id of ids) await storage.get(id);
    await storage.get("large");
    did(...ids.flatMap(() => ["load", "replace"]), "load", "replace", ...ids.map(() => "load"), "load");
    await storage.set("id 129", "changed", { ifRevision: revisions[129] });
    did("replace");
    await storage.set("id 0", "changed", { ifRevision: revisions[0] });
    did("load", "replace");
    await storage.set("large", "changed", { ifRevision: large });
    did("load", "replace");
  });

  it("C5 two hundred increments of many objects are all there", async () => {
    const rows = new Map();
    const storages = Array.from({ length: 8 }, () => new InRows({}, rows));
    await storages[0].setJson("id", 0);
    const increment = async (storage) => {
      for (;;) {
        const { data, info } = await storage.get("id");
        const next = JSON.parse(new TextDecoder().decode(data)) + 1;
        try {
          return await storage.setJson("id", next, { ifRevision: info.revision });
        } catch (error) {
          if (error.code !== "ERR_SESSION_CONFLICT") throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 200 }, (_, at) => increment(storages[at % 8])));
    equal(await storages[7].getJson("id"), 200);
  });
});

if (typeof globalThis.Deno?.openKv === "function") {
  const { DenoKvStorage } = await import("sessile/deno-kv");
  describe("DenoKvStorage", () => {
    let kv;
    let places = 0;
    const prefixes = new WeakMap();
    const open = (prefix, options) => {
      const storage = new DenoKvStorage(kv, { ...options, prefix });
      prefixes.set(storage, prefix);
      return storage;
    };
    const make = async (options) => {
      kv ??= await globalThis.Deno.openKv(":memory:");
      return open(["test", String((places += 1))], options);
    };
    testSessionStorage({ describe, it }, make, {
      ...all,
      tags: true,
      limits: { maxSessionBytes: true },
      reopen: async (storage, options) => {
        await storage.close();
        return open(prefixes.get(storage), options);
      },
      join: (storage, options) => open(prefixes.get(storage), options),
    });

    it("leaves nothing of a large session that was replaced, lost a race, or has ended", async () => {
      const storage = await make({});
      const prefix = prefixes.get(storage);
      const large = new Uint8Array(1_500_000).fill(7);
      const revision = await storage.set("id", large);
      const writes = [1, 2, 3].map(() => storage.set("id", large, { ifRevision: revision }));
      const won = (await Promise.allSettled(writes)).filter(({ status }) => status === "fulfilled");
      equal(won.length, 1, "who won");
      same([(await storage.get("id")).data.length], [large.length]);
      const pieces = async () => {
        let count = 0;
        for await (const _ of kv.list({ prefix: [...prefix, "piece"] })) count += 1;
        return count;
      };
      equal(await pieces(), Math.ceil((large.length + 92) / (48 * 1024)), "pieces");
      await storage.set("id", "small");
      equal(await pieces(), 0, "pieces of the one that was replaced");
      await storage.set("id", large);
      await storage.invalidate("id");
      equal(await pieces(), 0, "pieces of the one that has ended");
    });

    it("leaves no tag behind whose session has lost it", async () => {
      const storage = await make({});
      const prefix = prefixes.get(storage);
      await storage.set("id", "a", { tags: ["ada"] });
      await storage.set("id", "b", { tags: [] });
      equal(await storage.invalidateTagged("ada"), 0);
      for await (const entry of kv.list({ prefix: [...prefix, "tag"] })) throw new Error(String(entry.key));
    });

    it("closes", () => kv.close());
  });
}
