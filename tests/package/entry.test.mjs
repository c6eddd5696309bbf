// The package as it is imported: what it exports, that it loads once and by itself, and leaves nothing behind.
import * as sessile from "sessile";
import * as slim from "sessile/slim";
import { equal, matches, same } from "./expect.mjs";
import { describe, globalsBefore, it, settings } from "./harness.mjs";

const { SessionError, SessionStorageMemory, generateSessionId, init } = sessile;

describe("entry", () => {
  it("exports what is documented and nothing else", async () => {
    const names = [
      "CacheStorage",
      "DirectoryStorage",
      "SealedStorage",
      "Sealer",
      "SessionError",
      "SessionStorageMemory",
      "SharedSessionStorage",
      "Signer",
      "SimplifiedSessionStorage",
      "broadcastChanges",
      "cookie",
      "directorySessionStorage",
      "generateSessionId",
      "header",
      "init",
      "sessions",
    ];
    same(Object.keys(sessile).sort(), names, "sessile");
    same(Object.keys(slim).sort(), names, "sessile/slim");
  });

  it("needs no init()", async () => {
    const storage = new SessionStorageMemory();
    await storage.setJson("first", { visits: 1 });
    same(await storage.getJson("first"), { visits: 1 });
  });

  it("C11_a_clock_that_answers_with_an_object_mixes_up_no_sessions", async () => {
    let nested = false;
    const other = [];
    const clock = () => ({
      valueOf() {
        if (!nested) {
          nested = true;
          other.push(storage.set("other", "of the other"));
          nested = false;
        }
        return 1_000;
      },
    });
    const storage = new SessionStorageMemory({ clock });
    await storage.set("one", "of the one");
    await Promise.all(other);
    const text = async (id) => new TextDecoder().decode((await storage.get(id)).data);
    equal(await text("one"), "of the one");
    equal(await text("other"), "of the other");
  });

  it("C11_bytes_whose_length_is_code_mix_up_no_sessions", async () => {
    const storage = new SessionStorageMemory();
    const other = [];
    class Counted extends Uint8Array {
      get length() {
        other.push(storage.set("other", "of the other"));
        return 10;
      }
    }
    await storage.set("one", new Counted(new TextEncoder().encode("of the one").buffer));
    await Promise.all(other);
    equal(new TextDecoder().decode((await storage.get("one")).data), "of the one");
  });

  it("keeps what is stored when init() is called late, and often", async () => {
    const storage = new SessionStorageMemory();
    await storage.setJson("kept", 1);
    await Promise.all([init(), init(), init()]);
    await storage.setJson("kept too", 2);
    same([await storage.getJson("kept"), await storage.getJson("kept too")], [1, 2]);
  });

  it("takes a source for its wasm and needs none any more once it is loaded", async () => {
    const storage = new SessionStorageMemory();
    await storage.setJson("kept", 1);
    const empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    await init(empty);
    if (settings.wasmCanBeCompiled !== false) await init(await WebAssembly.compile(empty));
    await init(new Response(empty, { headers: { "content-type": "application/wasm" } }));
    await init(new URL("data:application/wasm;base64,AGFzbQEAAAA="));
    equal(await storage.getJson("kept"), 1);
  });

  it("is one instance through both of its entries", async () => {
    for (const name of Object.keys(sessile)) equal(slim[name], sessile[name], name);
    const [one, two] = [new sessile.SessionStorageMemory(), new slim.SessionStorageMemory()];
    await one.setJson("id", "one");
    await two.setJson("id", "two");
    same([await one.getJson("id"), await two.getJson("id")], ["one", "two"]);
  });

  it("generates ids of 256 bits", async () => {
    const ids = Array.from({ length: 100 }, () => generateSessionId());
    for (const id of ids) matches(id, /^[A-Za-z0-9_-]{43}$/, "id");
    equal(new Set(ids).size, ids.length, "distinct ids");
  });

  it("rejects with errors that can be told apart", async () => {
    const storage = new SessionStorageMemory();
    let error;
    try {
      await storage.read("missing", () => undefined);
    } catch (thrown) {
      error = thrown;
    }
    equal(error instanceof SessionError, true, "instanceof SessionError");
    equal(error instanceof Error, true, "instanceof Error");
    equal(error.name, "SessionError", "name");
    equal(error.code, "ERR_SESSION_NOT_FOUND", "code");
    equal(error.message.includes("missing"), false, "the message names the id");
  });

  it("adds nothing to the global scope", async () => {
    await new SessionStorageMemory().setJson("id", 1);
    const added = Reflect.ownKeys(globalThis).filter((key) => !globalsBefore.has(key));
    same(added.map(String), []);
  });
});
