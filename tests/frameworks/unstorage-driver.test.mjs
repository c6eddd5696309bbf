import { SessionStorageMemory } from "sessile";
import { unstorageDriver } from "sessile/stores";
import { createStorage, prefixStorage, snapshot } from "unstorage";
import { equal, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { InAMap, bare, describeWithStorages, storageCase } from "./stores.mjs";

const over = (storage, options) => createStorage({ driver: unstorageDriver(storage, options) });

async function refused(promise, code) {
  equal((await rejection(promise)).code, code);
}

describeWithStorages("unstorage's driver", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("items of all kinds come back as they were", async (storage) => {
    const items = over(storage);
    const values = [
      "text",
      "",
      '"quoted"',
      17,
      true,
      null,
      { nested: [1, { deep: "ä 😀" }] },
      ["list"],
      "a: b\n",
    ];
    for (const [index, value] of values.entries()) await items.setItem(`s1:a:${index}`, value);
    for (const [index, value] of values.entries()) {
      same(await items.getItem(`s1:a:${index}`), value === '"quoted"' ? "quoted" : value, `value ${index}`);
      equal(await items.hasItem(`s1/a/${index}`), true);
    }
    equal(await items.getItem("missing"), null);
    equal(await items.getItemRaw("missing"), null);
    equal(await items.hasItem("missing"), false);
    await items.removeItem("s1:a:0");
    equal(await items.getItem("s1:a:0"), null);
    await items.setItem("s1:a:1", undefined);
    equal(await items.hasItem("s1:a:1"), false);
    same(await items.getItems(["s1:a:3", "s1:a:0"]), [
      { key: "s1:a:3", value: 17 },
      { key: "s1:a:0", value: null },
    ]);
  });

  onStorage("raw items are bytes", async (storage) => {
    const items = over(storage);
    const bytes = new Uint8Array([0, 1, 2, 254, 255]);
    for (const value of [bytes, bytes.buffer, Buffer.from(bytes), new DataView(bytes.buffer)]) {
      await items.setItemRaw("raw", value);
      const found = await items.getItemRaw("raw");
      equal(found instanceof Uint8Array, true);
      same([...found], [...bytes]);
    }
    await items.setItemRaw("raw", "ä");
    same([...(await items.getItemRaw("raw"))], [0xc3, 0xa4]);
    equal(await items.getItem("raw"), "ä");
    for (const value of [17, { bytes }, null])
      await refused(items.setItemRaw("raw", value), "ERR_SESSION_INVALID_OPTION");
  });

  onStorage("keys are listed where they are kept", async (storage) => {
    const items = over(storage, { listKeys: true, prefix: "mine " });
    const other = over(storage, { listKeys: true });
    await other.setItem("of the other", 1);
    for (const key of ["a", "s1:a", "s1:b:c", "s2:a", "s10:a"]) await items.setItem(key, key);
    same((await items.getKeys()).sort(), ["a", "s10:a", "s1:a", "s1:b:c", "s2:a"]);
    same((await items.getKeys("s1")).sort(), ["s1:a", "s1:b:c"]);
    same((await items.getKeys("", { maxDepth: 1 })).sort(), ["a", "s10:a", "s1:a", "s2:a"]);
    same(await items.keys("missing"), []);
    same(Object.entries(await snapshot(items, "s1")).sort(), [
      ["a", "s1:a"],
      ["b:c", "s1:b:c"],
    ]);
    same((await items.getMount().driver.getKeys("s1:")).sort(), ["s1:a", "s1:b:c"]);
    await items.removeItem("s1:a");
    same(await items.getKeys("s1"), ["s1:b:c"]);
    // unstorage itself clears whole mounts alone.
    await items.getMount().driver.clear("s1:");
    same((await items.getKeys()).sort(), ["a", "s10:a", "s2:a"]);
    await items.clear();
    same(await items.getKeys(), []);
    same(await other.getKeys(), ["of the other"]);
  });

  onStorage("without listKeys no key is kept, and nobody is told that there are none", async (storage) => {
    const items = over(storage);
    await items.setItem("a:b", "value");
    await refused(items.getKeys(), "ERR_SESSION_UNSUPPORTED");
    await refused(items.getKeys("a"), "ERR_SESSION_UNSUPPORTED");
    await refused(items.getMount().driver.clear("a:"), "ERR_SESSION_UNSUPPORTED");
    same(JSON.stringify((await storage.info("a:b")).tags).includes("a:b"), false);
    await items.clear();
    equal(await items.getItem("a:b"), null);
  });

  onStorage("mounts, and parts by their prefix", async (storage) => {
    const items = createStorage();
    items.mount("kept", unstorageDriver(storage, { listKeys: true }));
    await items.setItem("kept:one", 1);
    await items.setItem("elsewhere", 2);
    const part = prefixStorage(items, "kept");
    equal(await part.getItem("one"), 1);
    same((await items.getKeys()).sort(), ["elsewhere", "kept:one"]);
    equal(await storage.get("one").then(({ data }) => new TextDecoder().decode(data)), "1");
    await items.clear("kept");
    same(await items.getKeys(), ["elsewhere"]);
    await items.unmount("kept");
    equal(await storage.get("one"), undefined, "and the storage is open still");
  });

  onStorage("a rewrite with listKeys over an item that was set without it", async (storage) => {
    await over(storage).setItem("key", 1);
    const items = over(storage, { listKeys: true });
    same(await items.getKeys(), []);
    await items.setItem("key", 2);
    same(await items.getKeys(), ["key"]);
  });
});

describe("unstorage's driver and time", () => {
  it("ttl is in seconds, of the item or the driver; without any, for ever", async () => {
    let now = 1_800_000_000_000;
    const clock = () => now;
    const storage = new SessionStorageMemory({ clock, idleTimeout: "1m", absoluteTimeout: "2m" });
    const items = over(storage);
    const brief = over(storage, { ttl: "5s" });
    await items.setItem("ten", 1, { ttl: 10 });
    await items.setItem("ever", 1);
    await brief.setItem("five", 1);
    await brief.setItem("twenty", 1, { ttl: 20 });
    await items.setItemRaw("raw", "1", { ttl: 10 });
    const left = async () => {
      const keys = ["five", "ten", "raw", "twenty", "ever"];
      const there = await Promise.all(keys.map((key) => items.hasItem(key)));
      return keys.filter((_, index) => there[index]).join(" ");
    };
    equal(await left(), "five ten raw twenty ever");
    now += 5_000;
    equal(await left(), "ten raw twenty ever");
    now += 5_000;
    equal(await left(), "twenty ever");
    now += 10_000_000;
    equal(await left(), "ever");
    await items.setItem("ever", 2, { ttl: 1 });
    now += 1_000;
    equal(await left(), "");
    await items.setItem("again", 1, { ttl: 1 });
    await items.setItem("again", 1);
    now += 1_000;
    equal(await items.hasItem("again"), true, "set again without a ttl");
  });

  it("a ttl of zero or less is over, not for ever; one that is no number is refused", async () => {
    const items = over(new SessionStorageMemory());
    for (const ttl of [0, -1]) {
      await items.setItem("key", 1);
      await items.setItem("key", 2, { ttl });
      equal(await items.getItem("key"), null);
    }
    for (const ttl of ["10", NaN, Infinity]) {
      await refused(items.setItem("key", 1, { ttl }), "ERR_SESSION_INVALID_OPTION");
    }
  });

  it("tells what it knows of an item", async () => {
    const clock = () => 1_800_000_000_000;
    const items = over(new SessionStorageMemory({ clock }));
    await items.setItem("key", "12345", { ttl: 10 });
    const { size, birthtime, expires } = await items.getMeta("key", { nativeOnly: true });
    equal(size, 5);
    equal(birthtime.getTime(), clock());
    equal(expires.getTime(), clock() + 10_000);
    same(await items.getMeta("missing", { nativeOnly: true }), {});
    await items.setMeta("key", { owner: "Ada" });
    equal((await items.getMeta("key")).owner, "Ada");
  });
});

describe("unstorage's driver and storages of one's own", () => {
  it("three methods are enough for items; clear needs tags", async () => {
    const items = over(bare(new SessionStorageMemory(), {}));
    await items.setItem("key", { one: 1 });
    same(await items.getItem("key"), { one: 1 });
    await items.setItemRaw("raw", new Uint8Array([1, 255]));
    same([...(await items.getItemRaw("raw"))], [1, 255]);
    equal(await items.hasItem("key"), true);
    await refused(items.clear(), "ERR_SESSION_UNSUPPORTED");
    await items.removeItem("key");
    equal(await items.hasItem("key"), false);
  });

  it("a storage without tags holds items", async () => {
    const items = over(new InAMap());
    await items.setItem("key", 17);
    equal(await items.getItem("key"), 17);
    await refused(items.clear(), "ERR_SESSION_UNSUPPORTED");
  });

  it("refuses options that make no sense, and keys that are too long", async () => {
    const storage = new SessionStorageMemory();
    const wrong = [
      [],
      [storage, null],
      [storage, { ttl: 0 }],
      [storage, { prefix: 1 }],
      [storage, { listKeys: 1 }],
    ];
    wrong.push([bare(storage, {}), { listKeys: true }]);
    for (const [index, args] of wrong.entries()) {
      const error = await rejection(Promise.resolve().then(() => unstorageDriver(...args)));
      equal(error.code, "ERR_SESSION_INVALID_OPTION", `case ${index}`);
    }
    const long = "k".repeat(1_025);
    equal(await over(storage).getItem(long), null);
    equal(await over(storage).hasItem(long), false);
    await refused(over(storage).setItem(long, 1), "ERR_SESSION_INVALID_ID");
  });
});
