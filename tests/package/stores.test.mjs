// `sessile/stores` wherever there is JavaScript; with the libraries themselves it is tested in `tests/frameworks`.
import { SessionStorageMemory } from "sessile";
import {
  betterAuthStorage,
  expressSessionStore,
  fastifySessionStore,
  honoSessionStorage,
  keyvStore,
  unstorageDriver,
} from "sessile/stores";
import { equal, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const content = (data) => ({ cookie: { originalMaxAge: 60_000 }, ...data });

describe("stores inside other libraries", () => {
  it("express-session's: a session that was made of what was loaded is merged, and not brought back", async () => {
    class Store {
      createSession(request, loaded) {
        return (request.session = { ...loaded });
      }
    }
    const store = expressSessionStore({ Store }, new SessionStorageMemory());
    await store.set("id", content());
    const sessions = [];
    for (let n = 0; n < 20; n += 1) sessions.push(store.createSession({}, await store.get("id")));
    await Promise.all(
      sessions.map((session, n) => store.set("id", Object.assign(session, { [`key${n}`]: n }))),
    );
    equal(Object.keys(await store.get("id")).length, 21);
    await store.destroy("id");
    await store.set("id", Object.assign(sessions[0], { late: true }));
    equal(await store.get("id"), undefined);
  });

  it("@fastify/session's: so is one that has copied the keys and taken its JSON", async () => {
    const store = fastifySessionStore(new SessionStorageMemory());
    await store.set("id", content());
    const sessions = [];
    for (let n = 0; n < 20; n += 1) {
      const session = { ...(await store.get("id")) };
      JSON.stringify(session);
      same(Object.keys(session), ["cookie"]);
      sessions.push(session);
    }
    await Promise.all(
      sessions.map((session, n) => store.set("id", Object.assign(session, { [`key${n}`]: n }))),
    );
    const { cookie, ...data } = await store.get("id");
    equal(Object.keys(data).filter((key) => key.startsWith("key")).length, 20);
    await store.destroy("id");
    await store.set("id", Object.assign(sessions[0], { late: true }));
    equal(await store.get("id"), undefined);
  });

  it("@hono/session's: what nobody waits for is done before the response", async () => {
    const storage = new SessionStorageMemory();
    const middleware = honoSessionStorage(storage);
    const request = (work) => {
      let own;
      return middleware({ set: (_, value) => (own = value) }, () => work(own));
    };
    await request(async (own) => own.set("id", { name: "Ada" }));
    same(await storage.getJson("id"), { name: "Ada" });
    await request(async (own) => {
      const loaded = await own.get("id");
      await request(async (other) => other.set("id", { ...(await other.get("id")), theirs: 1 }));
      own.set("id", { ...loaded, mine: 1 });
    });
    same(await storage.getJson("id"), { name: "Ada", theirs: 1, mine: 1 });
    await request(async (own) => own.delete("id"));
    equal(await storage.getJson("id"), undefined);
  });

  it("better-auth's: increments add up, and a value is taken once", async () => {
    const { increment, set, getAndDelete } = betterAuthStorage(new SessionStorageMemory());
    const sums = await Promise.all(Array.from({ length: 50 }, () => increment("hits", 60)));
    equal(Math.max(...sums), 50);
    await set("token", "value", 60);
    const taken = await Promise.all(Array.from({ length: 50 }, () => getAndDelete("token")));
    same(
      taken.filter((value) => value !== null),
      ["value"],
    );
  });

  it("unstorage's and keyv's: values, keys, namespaces", async () => {
    const storage = new SessionStorageMemory();
    const driver = unstorageDriver(storage, { prefix: "items ", listKeys: true });
    await driver.setItem("a:b", "text");
    await driver.setItemRaw("raw", new Uint8Array([0, 255]));
    same([...(await driver.getItemRaw("raw"))], [0, 255]);
    same((await driver.getKeys()).sort(), ["a:b", "raw"]);
    const store = keyvStore(storage, { listKeys: true });
    store.namespace = "news";
    await store.set("today", "rain", Date.now() + 60_000);
    const entries = [];
    for await (const entry of store.iterator()) entries.push(entry);
    same(entries, [["today", "rain"]]);
    await store.clear();
    equal(await store.has("today"), false);
    equal(await driver.getItem("a:b"), "text");
  });
});
