// The places of other libraries as storages, with the real libraries.
import Keyv from "keyv";
import { KeyvStorage, UnstorageStorage } from "sessile/storages";
import { testSessionStorage } from "sessile/testing";
import { createStorage } from "unstorage";
import { equal, matches, rejection } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

const all = { wholeValues: true, timeouts: true, clock: true, limits: { maxSessionBytes: true } };

describe("UnstorageStorage", () => {
  testSessionStorage({ describe, it }, (options) => new UnstorageStorage(createStorage(), options), all);
});

describe("UnstorageStorage that nobody else writes to", () => {
  const open = (options) => new UnstorageStorage(createStorage(), { ...options, exclusive: true });
  testSessionStorage({ describe, it }, open, { ...all, conditional: true });

  it("tells a driver how long to keep a session, and no id", async () => {
    const set = [];
    const driver = {
      name: "watched",
      hasItem: () => false,
      getItem: () => null,
      getKeys: () => [],
      setItemRaw: (key, value, options) => void set.push({ key, value, options }),
    };
    const storage = new UnstorageStorage(createStorage({ driver }), { base: "web", clock: () => 1_000 });
    await storage.set("a secret id", "", { idleTimeout: "1h" });
    await storage.set("another id", "");
    matches(set[0].key, /^web:[0-9a-f]{64}$/, "key");
    equal(set[0].options.ttl, 2 * 3_600, "seconds");
    equal(set[1].options.ttl, undefined, "seconds");
  });

  it("fails with a typed error where the driver does", async () => {
    const failing = {
      getItemRaw: async () => Promise.reject(new Error("no disk")),
      setItemRaw: async () => {},
      removeItem: async () => {},
    };
    equal((await rejection(new UnstorageStorage(failing).getJson("id"))).code, "ERR_SESSION_STORAGE");
    const odd = { ...failing, getItemRaw: async () => ({}) };
    equal((await rejection(new UnstorageStorage(odd).getJson("id"))).code, "ERR_SESSION_CORRUPT");
  });
});

describe("KeyvStorage that nobody else writes to", () => {
  const open = (options) => new KeyvStorage(new Keyv(), { ...options, exclusive: true });
  testSessionStorage({ describe, it }, open, { ...all, conditional: true });

  it("fails with a typed error where the store does, or has something else", async () => {
    const store = new Map();
    const keyv = new Keyv({ store, throwOnErrors: true });
    const storage = new KeyvStorage(keyv, { exclusive: true });
    store.get = () => {
      throw new Error("no network");
    };
    equal((await rejection(storage.getJson("id"))).code, "ERR_SESSION_STORAGE");
    const odd = { get: async () => 17, set: async () => true, delete: async () => true };
    equal((await rejection(new KeyvStorage(odd).getJson("id"))).code, "ERR_SESSION_CORRUPT");
    const full = { ...odd, get: async () => undefined, set: async () => false };
    equal((await rejection(new KeyvStorage(full).setJson("id", 1))).code, "ERR_SESSION_STORAGE");
  });
});
