// The storages at Cloudflare, in workerd with the bindings of `run-workerd.mjs`.
import { cookie } from "sessile";
import { DurableObjectStorage, WorkersKvStorage } from "sessile/cloudflare";
import { testSessionStorage } from "sessile/testing";
import { equal, matches, rejection } from "./expect.mjs";
import { describe, it, settings } from "./harness.mjs";

const { SESSIONS, CARTS } = settings.bindings;
const all = {
  wholeValues: true,
  timeouts: true,
  clock: true,
  durable: true,
  limits: { maxSessionBytes: true },
  patience: 50_000,
};

/** A prefix of its own for each storage that is not opened again. */
function places(make) {
  const prefixes = new WeakMap();
  let count = 0;
  const open = (prefix, options) => {
    const storage = make(prefix, options);
    prefixes.set(storage, prefix);
    return storage;
  };
  return {
    fresh: (options) => open(`${(count += 1)}:`, options),
    again: (storage, options) => open(prefixes.get(storage), options),
    reopen: async (storage, options) => {
      await storage.close();
      return open(prefixes.get(storage), options);
    },
  };
}

describe("DurableObjectStorage", () => {
  const objects = places((prefix, options) => new DurableObjectStorage(SESSIONS, { ...options, prefix }));
  const { fresh, again: join, reopen } = objects;
  const can = { ...all, conditional: true, shared: true, tags: true, join, reopen };
  testSessionStorage({ describe, it }, fresh, can);

  it("refuses what an object cannot keep", async () => {
    const storage = fresh({});
    equal((await rejection(storage.set("id", new Uint8Array(14_000_000)))).code, "ERR_SESSION_TOO_LARGE");
    equal(await storage.get("id"), undefined);
  });

  it("fails with a typed error where an object does", async () => {
    const namespace = {
      idFromName: (name) => name,
      get: () => ({ fetch: async () => new Response("overloaded", { status: 503 }) }),
    };
    const error = await rejection(new DurableObjectStorage(namespace).getJson("id"));
    equal(error.code, "ERR_SESSION_STORAGE");
    matches(error.cause.message, /503/, "cause");
  });
});

describe("WorkersKvStorage", () => {
  const { fresh, reopen } = places((prefix, options) => new WorkersKvStorage(CARTS, { ...options, prefix }));
  testSessionStorage({ describe, it }, fresh, { ...all, reopen });

  it("is no place for sessions that must not lose a change, and says so", () => {
    const storage = fresh({});
    let error;
    try {
      cookie("user", storage);
    } catch (thrown) {
      error = thrown;
    }
    matches(error.message, /no conditional writes.*overwrite/, "message");
    cookie("user", storage, { onConflict: "overwrite" });
  });
});
