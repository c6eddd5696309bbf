import Keyv from "keyv";
import { SessionError, SessionStorageMemory } from "sessile";
import { keyvStore } from "sessile/stores";
import { equal, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { bare, describeWithStorages, storageCase } from "./stores.mjs";

/** A Keyv that rejects with what goes wrong, which it otherwise only emits. */
function keyvOver(storage, { namespace, ...options } = {}) {
  const keyv = new Keyv({ store: keyvStore(storage, options), namespace });
  const errors = [];
  keyv.on("error", (error) => errors.push(error.code ?? error));
  return { keyv, errors };
}

async function entriesOf(keyv) {
  const entries = [];
  for await (const entry of keyv.iterator()) entries.push(entry);
  return entries.sort(([one], [other]) => (one < other ? -1 : 1));
}

describeWithStorages("keyv's store", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("keyv uses it as it is, not behind a bridge", async (storage) => {
    const store = keyvStore(storage);
    equal(new Keyv({ store }).store, store);
  });

  onStorage("values of all kinds come back as they were", async (storage) => {
    const { keyv, errors } = keyvOver(storage);
    const values = ["text", "", "ä 😀", 17, true, null, { nested: [1] }, ["list"], ":colon", 17n];
    for (const [index, value] of values.entries()) equal(await keyv.set(`key ${index}`, value), true);
    for (const [index, value] of values.entries()) {
      const found = await keyv.get(`key ${index}`);
      if (typeof value === "bigint") equal(found, value);
      else same(found, value, `value ${index}`);
      equal(await keyv.has(`key ${index}`), true);
    }
    await keyv.set("bytes", Buffer.from([0, 255]));
    same([...(await keyv.get("bytes"))], [0, 255]);
    equal(await keyv.get("missing"), undefined);
    equal(await keyv.has("missing"), false);
    equal(await keyv.delete("key 0"), true);
    equal(await keyv.delete("key 0"), false);
    equal(await keyv.get("key 0"), undefined);
    same(errors, []);
  });

  onStorage("many at once", async (storage) => {
    const { keyv, errors } = keyvOver(storage);
    const entries = Array.from({ length: 50 }, (_, index) => ({ key: `key ${index}`, value: index }));
    same(await keyv.setMany(entries), Array(50).fill(true));
    same(await keyv.getMany(["key 7", "missing", "key 49"]), [7, undefined, 49]);
    same(await keyv.hasMany(["key 7", "missing"]), [true, false]);
    same(await keyv.deleteMany(["key 7", "missing"]), [true, false]);
    same(await keyv.get(["key 7", "key 8"]), [undefined, 8]);
    same(errors, []);
  });

  onStorage("namespaces do not meet; clear keeps to one", async (storage) => {
    const one = keyvOver(storage, { namespace: "one", listKeys: true });
    const other = keyvOver(storage, { namespace: "other", listKeys: true });
    await one.keyv.set("key", 1);
    await other.keyv.set("key", 2);
    await other.keyv.set("more", 3);
    equal(await one.keyv.get("key"), 1);
    same(await entriesOf(one.keyv), [["key", 1]]);
    same(await entriesOf(other.keyv), [
      ["key", 2],
      ["more", 3],
    ]);
    equal(await one.keyv.delete("more"), false);
    await one.keyv.clear();
    equal(await one.keyv.get("key"), undefined);
    equal(await other.keyv.get("key"), 2);
    await other.keyv.delete("key");
    same(await entriesOf(other.keyv), [["more", 3]]);
    same([one.errors, other.errors], [[], []]);
  });

  onStorage("clear without a namespace takes all of this store, and nothing else", async (storage) => {
    const all = keyvOver(storage, { prefix: "cache " });
    const part = keyvOver(storage, { prefix: "cache ", namespace: "part" });
    const other = keyvOver(storage, { prefix: "other " });
    for (const { keyv } of [all, part, other]) await keyv.set("key", 1);
    await storage.setJson("a session", {});
    await all.keyv.clear();
    equal(await all.keyv.get("key"), undefined);
    equal(await part.keyv.get("key"), undefined);
    equal(await other.keyv.get("key"), 1);
    same(await storage.getJson("a session"), {});
    same([all.errors, part.errors, other.errors], [[], [], []]);
  });

  onStorage("without listKeys no key is kept, and the iterator says so", async (storage) => {
    const { keyv, errors } = keyvOver(storage);
    await keyv.set("key", 1);
    same(await entriesOf(keyv), []);
    same(errors, ["ERR_SESSION_UNSUPPORTED"]);
    equal(JSON.stringify((await storage.info("key")).tags).includes("key"), false);
  });

  onStorage("calls that are not waited for happen in their order", async (storage) => {
    // keyv itself takes a different time for each, so this is about the store alone.
    const store = keyvStore(storage);
    for (let round = 0; round < 20; round += 1) {
      const removing = store.delete("key");
      await store.set("key", `${round}`);
      equal(await store.get("key"), `${round}`, "set after it was deleted");
      const setting = store.set("key", "late");
      await store.delete("key");
      equal(await store.get("key"), undefined, "deleted after it was set");
      await Promise.all([removing, setting]);
    }
  });

  onStorage("disconnect leaves the storage open", async (storage) => {
    const { keyv } = keyvOver(storage);
    await keyv.set("key", 1);
    await keyv.disconnect();
    equal(await keyv.get("key"), 1);
  });
});

describe("keyv's store and time", () => {
  it("a value lives until its time, whatever the storage's timeouts are", async () => {
    let now = Date.now();
    const clock = () => now;
    const storage = new SessionStorageMemory({ clock, idleTimeout: "1s", absoluteTimeout: "2s" });
    const store = keyvStore(storage, { clock });
    await store.set("ten", "value", now + 10_000);
    await store.setMany([
      { key: "twenty", value: "value", expires: now + 20_000 },
      { key: "ever", value: "value" },
    ]);
    now += 9_999;
    equal(await store.get("ten"), "value");
    now += 1;
    equal(await store.get("ten"), undefined);
    same(await store.hasMany(["ten", "twenty", "ever"]), [false, true, true]);
    now += 10_000;
    same(await store.hasMany(["ten", "twenty", "ever"]), [false, false, true]);
    await store.set("ever", "value", now);
    equal(await store.has("ever"), false, "a time that has come");
    await store.set("again", "value", now + 1_000);
    await store.set("again", "value");
    now += 1_000_000;
    equal(await store.get("again"), "value", "set again without a time");
  });

  it("keyv's own ttl reaches the storage", async () => {
    const storage = new SessionStorageMemory();
    const { keyv } = keyvOver(storage);
    const before = Date.now();
    await keyv.set("key", 1, 60_000);
    const { expiresAt } = await storage.info("key");
    equal(expiresAt >= before + 60_000 && expiresAt <= Date.now() + 60_001, true);
  });
});

describe("keyv's store", () => {
  it("refuses what makes no sense", async () => {
    const storage = new SessionStorageMemory();
    const store = keyvStore(storage);
    const refused = [
      () => keyvStore(),
      () => keyvStore(storage, null),
      () => keyvStore(storage, { prefix: 17 }),
      () => keyvStore(storage, { clock: 17 }),
      () => keyvStore(bare(storage, {}), { listKeys: true }),
      () => store.set("key", { no: "string" }),
      () => store.set("key", new Uint8Array([1])),
      () => store.set("key", "value", 60_000), // as keyv 5 would
      () => store.set("key", "value", NaN),
      () => store.set("key", "value", "soon"),
    ];
    for (const [index, call] of refused.entries()) {
      const error = await rejection(Promise.resolve().then(call));
      equal(error.code, "ERR_SESSION_INVALID_OPTION", `case ${index}`);
    }
    for (const call of [store.get(undefined), store.set(17, "value"), store.delete({})]) {
      equal((await rejection(call)).code, "ERR_SESSION_INVALID_ID");
    }
  });

  it("a set that is overtaken by a delete elsewhere is no error", async () => {
    const overtaken = () => Promise.reject(new SessionError("ERR_SESSION_CONFLICT", "invalidated meanwhile"));
    const store = keyvStore({ ...bare(new SessionStorageMemory()), write: overtaken });
    equal(await store.set("key", "value"), true);
    equal(await store.get("key"), undefined);
  });

  it("three methods are enough; clear needs tags", async () => {
    const { keyv, errors } = keyvOver(bare(new SessionStorageMemory(), {}));
    await keyv.set("key", 1);
    equal(await keyv.get("key"), 1);
    equal(await keyv.has("key"), true);
    await keyv.clear();
    same(errors, ["ERR_SESSION_UNSUPPORTED"]);
    equal(await keyv.delete("key"), true);
  });
});
