import { serve } from "@hono/node-server";
import { useSession, useSessionStorage } from "@hono/session";
import { Hono } from "hono";
import { SessionStorageMemory } from "sessile";
import { honoSessionStorage } from "sessile/stores";
import { equal, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { Client } from "./client.mjs";
import { barrier, counted, describeWithStorages, gate, storageCase } from "./stores.mjs";

const MINUTE = 60_000;

/** Serves an app with sessions while `work` is done; `routes` may add to it. */
async function serving(middleware, work, routes = () => {}) {
  const app = new Hono();
  app.use(middleware, useSession({ secret: "a secret of the tests, which is long enough" }));
  app.get("/set/:key/:value", async (c) => {
    await c.var.session.update((data) => ({ ...data, [c.req.param("key")]: c.req.param("value") }));
    return c.text("set");
  });
  app.get("/get", async (c) => c.json((await c.var.session.get()) ?? {}));
  app.get("/logout", async (c) => {
    await c.var.session.get();
    c.var.session.delete();
    return c.text("out");
  });
  app.get("/nothing", (c) => c.text("nothing"));
  app.onError((error, c) => c.json({ code: error.code ?? String(error) }, 500));
  routes(app);
  const server = await new Promise((resolve) => {
    const starting = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(starting));
  });
  try {
    return await work(new Client(`http://127.0.0.1:${server.address().port}`));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function survivors(middleware, count) {
  const all = barrier(count);
  const routes = (app) =>
    app.get("/add/:key", async (c) => {
      const data = await c.var.session.get();
      await all();
      await c.var.session.update(() => ({ ...data, [c.req.param("key")]: 1 }));
      return c.text("added");
    });
  const work = async (client) => {
    await client.text("/set/first/1");
    const adding = Array.from({ length: count }, (_, index) => client.clone().text(`/add/key${index}`));
    for (const answer of await Promise.all(adding)) equal(answer, "added");
    const { first, ...added } = await client.json("/get");
    equal(first, "1");
    return Object.keys(added).length;
  };
  return serving(middleware, work, routes);
}

/** Time enough for a response that waits for nothing. */
async function roundTrips(client) {
  for (let trip = 0; trip < 10; trip += 1) await client.text("/nothing");
}

describeWithStorages("@hono/session's storage", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("keeps what requests set", (storage) =>
    serving(honoSessionStorage(storage), async (client) => {
      same(await client.json("/get"), {});
      await client.text("/set/name/Ada");
      await client.text("/set/city/London");
      same(await client.json("/get"), { name: "Ada", city: "London" });
      await client.text("/logout");
      same(await client.json("/get"), {});
    }),
  );

  onStorage("S1_100_parallel_requests_lose_nothing_of_each_other", async (storage) => {
    equal(await survivors(honoSessionStorage(storage), 100), 100, "keys that survived");
  });

  onStorage("S1_a_plain_storage_loses_all_but_one", async () => {
    const sessions = new Map();
    const plain = {
      get: (id) => structuredClone(sessions.get(id)),
      set: (id, value) => void sessions.set(id, structuredClone(value)),
      delete: (id) => void sessions.delete(id),
    };
    equal(await survivors(useSessionStorage(plain), 100), 1, "keys that survived");
  });

  onStorage("S2_a_request_that_ends_after_a_logout_brings_nothing_back", (storage) => {
    const arrived = barrier(3);
    const end = gate();
    const routes = (app) => {
      app.get("/change", async (c) => {
        await c.var.session.update((data) => ({ ...data, late: "yes" }));
        void arrived();
        await end.opened;
        return c.text("late");
      });
      app.get("/read", async (c) => {
        await c.var.session.get();
        void arrived();
        await end.opened;
        return c.text("late");
      });
    };
    const work = async (client) => {
      await client.text("/set/user/17");
      const before = client.clone();
      const late = [client.clone().text("/change"), client.clone().text("/read")];
      await arrived();
      await client.text("/logout");
      end.open();
      same(await Promise.all(late), ["late", "late"]);
      same(await before.json("/get"), {}, "the session after the logout");
    };
    return serving(honoSessionStorage(storage), work, routes);
  });

  onStorage("C13_tags_by_what_a_session_holds", async (storage) => {
    const tags = ({ user }) => (user === undefined ? [] : [`user:${user}`]);
    await serving(honoSessionStorage(storage, { tags, prefix: "hono:" }), async (client) => {
      await client.text("/set/user/17");
      equal(await storage.invalidateTagged("user:17"), 1);
      same(await client.json("/get"), {});
    });
  });
});

describe("@hono/session's storage", () => {
  it("the response waits for the write, and for the delete", async () => {
    const memory = new SessionStorageMemory();
    const [write, remove] = [gate(), gate()];
    const order = [];
    const slow = {
      capabilities: memory.capabilities,
      read: (...args) => memory.read(...args),
      write: async (...args) => {
        await write.opened;
        order.push("written");
        return memory.write(...args);
      },
      invalidate: async (id) => {
        await remove.opened;
        order.push("removed");
        return memory.invalidate(id);
      },
    };
    await serving(honoSessionStorage(slow), async (client) => {
      const setting = client.text("/set/name/Ada").then(() => order.push("told of the write"));
      await roundTrips(client);
      write.open();
      await setting;
      const out = client.text("/logout").then(() => order.push("told of the delete"));
      await roundTrips(client.clone());
      remove.open();
      await out;
    });
    same(order, ["written", "told of the write", "removed", "told of the delete"]);
  });

  it("S6_a_write_that_fails_is_an_error_to_the_app", async () => {
    const memory = new SessionStorageMemory();
    const failing = {
      capabilities: memory.capabilities,
      read: (...args) => memory.read(...args),
      write: () => Promise.reject(new Error("no disk")),
      invalidate: (id) => memory.invalidate(id),
    };
    await serving(honoSessionStorage(failing), async (client) => {
      const response = await client.send("/set/name/Ada");
      equal(response.status, 500);
      same(await response.json(), { code: "ERR_SESSION_STORAGE" });
    });
  });

  it("C7_idleTimeout_and_absoluteTimeout_and_a_request_that_reads_is_activity", async () => {
    let now = 1_800_000_000_000;
    const clock = () => now;
    const { storage, calls } = counted(new SessionStorageMemory({ clock }));
    const middleware = honoSessionStorage(storage, { clock, idleTimeout: "30m", absoluteTimeout: "1h" });
    await serving(middleware, async (client) => {
      await client.text("/set/name/Ada");
      now += 29 * MINUTE;
      same(await client.json("/get"), { name: "Ada" });
      same(await client.json("/get"), { name: "Ada" });
      now += 29 * MINUTE;
      same(await client.json("/get"), { name: "Ada" });
      equal(calls.touch, 2);
      equal(calls.set, 1);
      now += 3 * MINUTE;
      same(await client.json("/get"), {});
    });
  });

  it("a request that asks for no session costs no call", async () => {
    const { storage, calls } = counted(new SessionStorageMemory());
    await serving(honoSessionStorage(storage), async (client) => {
      await client.text("/set/name/Ada");
      const before = JSON.stringify(calls);
      await client.text("/nothing");
      equal(JSON.stringify(calls), before);
    });
  });

  it("what is no object is refused", async () => {
    const routes = (app) =>
      app.get("/text", async (c) => {
        await c.var.session.update(() => "text");
        return c.text("set");
      });
    const work = async (client) => {
      same(await client.json("/text"), { code: "ERR_SESSION_INVALID_OPTION" });
    };
    await serving(honoSessionStorage(new SessionStorageMemory()), work, routes);
  });

  it("refuses options that make no sense", async () => {
    const storage = new SessionStorageMemory();
    for (const args of [
      [],
      [storage, null],
      [storage, { idleTimeout: 0 }],
      [storage, { onConflict: "win" }],
    ]) {
      const error = await rejection(Promise.resolve().then(() => honoSessionStorage(...args)));
      equal(error.code, "ERR_SESSION_INVALID_OPTION");
    }
  });
});
