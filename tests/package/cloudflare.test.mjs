// The storages at Cloudflare, in workerd with the bindings of `run-workerd.mjs`.
import { cookie } from "sessile";
import { DurableObjectStorage, SessionObject, WorkersKvStorage } from "sessile/cloudflare";
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

describe("the object of a tag", () => {
  /** What an object keeps, in memory; its alarm goes off when the test says so. */
  const fakeState = () => {
    const kept = new Map();
    let alarm = null;
    const storage = {
      get: async (key) => kept.get(key),
      put: async (key, value) => void kept.set(key, value),
      delete: async (key) => kept.delete(key),
      list: async () => kept,
      getAlarm: async () => alarm,
      setAlarm: async (time) => void (alarm = time),
    };
    return { storage };
  };
  const MINUTE = 60_000;

  it("C13: keeps a session for as long as the longest of its writes says", async () => {
    const now = Date.now;
    const began = now();
    try {
      for (const [first, second, last] of [
        [60, 1, 60],
        [1, 60, 60],
        [null, 1, Infinity],
        [1, null, Infinity],
      ]) {
        Date.now = () => began;
        const object = new SessionObject(fakeState());
        const ask = async (asked) => {
          const headers = { "x-sessile": JSON.stringify(asked) };
          return (await object.fetch(new Request("https://sessile/", { method: "POST", headers }))).json();
        };
        for (const minutes of [first, second])
          await ask({ call: "add", key: "one", keepFor: minutes && minutes * MINUTE });
        for (const minutes of [0, 2, 59, 61, 1_000]) {
          Date.now = () => began + minutes * MINUTE;
          await object.alarm();
          const found = await ask({ call: "keys" });
          equal(found.length, minutes < last ? 1 : 0, `after ${minutes} of ${first} and ${second} minutes`);
        }
      }
    } finally {
      Date.now = now;
    }
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
