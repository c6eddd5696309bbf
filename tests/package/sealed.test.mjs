// Encryption at rest: the conformance kit, and what lies on the medium.
import {
  DirectoryStorage,
  SealedStorage,
  SessionStorageMemory,
  SimplifiedSessionStorage,
  generateSessionId,
} from "sessile";
import { testSessionStorage } from "sessile/testing";
import { damageInDatabase, nameDatabase, removeDatabase } from "./databases.mjs";
import { equal, rejection, same } from "./expect.mjs";
import { damageRecord, fs, listed, makeFolder, refused, removeFolder } from "./folders.mjs";
import { describe, inDepth, it, settings } from "./harness.mjs";
import { threeMethods } from "./own-storage.mjs";

const OLD = "the older secret, of 32 or more bytes";
const NEW = "the newest secret, of 32 or more bytes";
const keys = [NEW, OLD];

/** The delegate's limit counts sealed bytes. */
const forDelegate = ({ maxSessionBytes: most, ...options }) => {
  // What is no limit is for the delegate to refuse.
  const isLimit = Number.isSafeInteger(most) && most > 0;
  return { ...options, maxSessionBytes: isLimit ? SealedStorage.sealedLength(most) : most };
};

const every = {
  wholeValues: true,
  timeouts: true,
  clock: true,
  generateSessionId,
  patience: 50_000,
  streams: true,
  conditional: true,
  tags: true,
  housekeeping: true,
};

describe("SealedStorage in memory", () => {
  testSessionStorage(
    { describe, it },
    (options) => new SealedStorage(new SessionStorageMemory(forDelegate(options)), { keys }),
    { ...every, limits: { maxSessionBytes: true, maxBytes: true, maxSessions: true } },
  );
});

function testPlaces({ make, damage, remove }) {
  const roots = new WeakMap();
  const open = (root, options) => {
    const storage = new SealedStorage(new DirectoryStorage(root, forDelegate(options)), { keys });
    roots.set(storage, root);
    return storage;
  };
  testSessionStorage({ describe, it }, (options) => open(make(), options), {
    ...every,
    durable: true,
    shared: true,
    limits: { maxSessionBytes: true },
    reopen: async (storage, options) => {
      await storage.close();
      return open(roots.get(storage), options);
    },
    join: (storage, options) => open(roots.get(storage), options),
    damage: (storage, id) => damage(roots.get(storage), id),
    discard: (storage) => remove(roots.get(storage)),
  });
}

if (fs !== undefined && inDepth) {
  const folders = { make: makeFolder, damage: damageRecord, remove: removeFolder };
  describe("SealedStorage in a folder", () => testPlaces(folders));
} else if (settings.databases) {
  const databases = { make: nameDatabase, damage: damageInDatabase, remove: removeDatabase };
  describe("SealedStorage in IndexedDB", () => testPlaces(databases));
}

describe("SealedStorage", () => {
  const decode = (bytes) => new TextDecoder("latin1").decode(bytes);

  it("leaves no content and no tag with its delegate", async () => {
    const delegate = new SessionStorageMemory();
    const storage = new SealedStorage(delegate, { keys });
    for (const content of ["content that is secret", "content that is secret".repeat(10_000)]) {
      await storage.set("id", content, { tags: ["user:ada"] });
      const { data, info } = await delegate.get("id");
      equal(decode(data).includes("secret"), false, "whether the delegate has the content");
      equal(data.length, SealedStorage.sealedLength(content.length), "the sealed length");
      equal(info.tags.join().includes("ada"), false, "whether the delegate has the tag");
      const found = await storage.get("id");
      equal(decode(found.data), content, "the content");
      same([found.info.byteLength, found.info.tags], [content.length, ["user:ada"]], "the info");
      equal((await listed(storage.listTagged("user:ada"))).length, 1, "sessions of the tag");
    }
  });

  it("says how long a content of any length is when it is sealed", async () => {
    const delegate = new SessionStorageMemory();
    const storage = new SealedStorage(delegate, { keys });
    for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073]) {
      await storage.set("id", new Uint8Array(length));
      const { byteLength } = await delegate.info("id");
      equal(byteLength, SealedStorage.sealedLength(length), `the sealed length of ${length} bytes`);
      equal((await storage.info("id")).byteLength, length, "the length");
    }
    for (const none of [-1, 0.5, NaN, Infinity, "1", undefined]) {
      const error = await rejection((async () => SealedStorage.sealedLength(none))());
      equal(error.code, "ERR_SESSION_INVALID_OPTION", String(none));
    }
  });

  it("opens by all keys and seals by the newest", async () => {
    const delegate = new SessionStorageMemory();
    const [old, both, young] = [[OLD], keys, [NEW]].map((keys) => new SealedStorage(delegate, { keys }));
    const revision = await old.setJson("id", 1, { tags: ["ada"] });
    equal(await both.getJson("id"), 1, "by the older");
    await refused(young.get("id"), "ERR_SESSION_CORRUPT", { id: "an id", content: NEW });
    await both.setJson("id", 2, { ifRevision: revision });
    equal(await young.getJson("id"), 2, "by the newest");
    equal(await young.invalidateTagged("ada"), 1, "sessions of the tag");
  });

  it("takes no content that was changed, exchanged, or never sealed", async () => {
    const delegate = new SessionStorageMemory();
    const storage = new SealedStorage(delegate, { keys });
    await storage.set("mine", "mine");
    await storage.set("theirs", "theirs");
    const { data } = await delegate.get("mine");
    const bad = [(await delegate.get("theirs")).data, data.slice(1), data.slice(0, -1), new Uint8Array(100)];
    for (let at = 0; at < data.length; at += 1) {
      const changed = data.slice();
      changed[at] ^= 1;
      bad.push(changed);
    }
    for (const content of bad) {
      await delegate.set("mine", content);
      equal((await rejection(storage.get("mine"))).code, "ERR_SESSION_CORRUPT", "get");
      const read = storage.read("mine", () => equal(1, 2, "a consumer was called"));
      equal((await rejection(read)).code, "ERR_SESSION_CORRUPT", "read");
    }
  });

  it("is as able as its delegate, and closes it", async () => {
    class Plain extends SimplifiedSessionStorage {
      async load() {
        return null;
      }
      async store() {}
    }
    const simple = new SealedStorage(new Plain(), { keys });
    same(simple.capabilities, new Plain().capabilities, "capabilities");
    equal((await rejection(simple.set("id", "", { tags: ["ada"] }))).code, "ERR_SESSION_UNSUPPORTED");
    const delegate = new SessionStorageMemory();
    await new SealedStorage(delegate, { keys }).close();
    equal((await rejection(delegate.get("id"))).code, "ERR_SESSION_CLOSED", "the delegate");
    // Sealed twice is sealed as well.
    const twice = new SealedStorage(new SealedStorage(new SessionStorageMemory(), { keys }), { keys: [OLD] });
    await twice.setJson("id", 17, { tags: ["ada"] });
    same([await twice.getJson("id"), (await twice.info("id")).tags], [17, ["ada"]], "sealed twice");
  });

  it("seals what a storage of one's own keeps", async () => {
    const memory = new SessionStorageMemory();
    const storage = new SealedStorage(threeMethods(memory), { keys });
    await storage.setJson("a", { n: 1 });
    same(await storage.getJson("a"), { n: 1 });
    const { data } = await memory.get("a");
    equal(new TextDecoder().decode(data).includes('"n"'), false);
    equal(await storage.invalidate("a"), true);
    equal(await storage.getJson("a"), undefined);
  });

  it("refuses a delegate and keys that are none when it is made", () => {
    const memory = new SessionStorageMemory();
    const own = { write: async () => "", read: async () => undefined };
    const invalid = [
      () => new SealedStorage(own, { keys }),
      () => new SealedStorage(undefined, { keys }),
      () => new SealedStorage(memory),
      () => new SealedStorage(memory, null),
      () => new SealedStorage(memory, {}),
      () => new SealedStorage(memory, { keys: [] }),
      () => new SealedStorage(memory, { keys: NEW }),
      () => new SealedStorage(memory, { keys: [NEW, "31 bytes, which is one too few."] }),
    ];
    for (const call of invalid) {
      let code = "nothing was thrown";
      try {
        call();
      } catch (error) {
        code = error.code;
      }
      equal(code, "ERR_SESSION_INVALID_OPTION", String(call));
    }
  });
});
