// `sessile/slim` brings no wasm: it says so, and takes it from wherever `init` is told.
import { SessionStorageMemory, generateSessionId, init } from "sessile/slim";
import { equal, matches, rejection, same } from "./expect.mjs";
import { describe, it, settings } from "./harness.mjs";

describe(`slim, ${settings.source}`, () => {
  it("says what to do while it has no wasm", async () => {
    const error = await rejection(new SessionStorageMemory().getJson("id"));
    equal(error instanceof Error, true, "instanceof Error");
    matches(error.message, /init\(/, "message");
    matches((await rejection(init())).message, /init\(/, "message of init()");
  });

  it("works once it is given some, and for storages made before", async () => {
    const early = new SessionStorageMemory();
    await init(await settings.wasm());
    await early.setJson("id", { a: 1 });
    same(await early.getJson("id"), { a: 1 });
    const late = new SessionStorageMemory();
    equal(await late.getJson("id"), undefined, "another storage");
    matches(generateSessionId(), /^[\w-]{43}$/, "id");
  });

  it("loads once", async () => {
    const storage = new SessionStorageMemory();
    await storage.setJson("id", 1);
    await Promise.all([init(await settings.wasm()), init()]);
    equal(await storage.getJson("id"), 1);
  });
});
