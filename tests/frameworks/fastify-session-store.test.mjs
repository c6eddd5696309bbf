import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import Fastify from "fastify";
import { SessionStorageMemory } from "sessile";
import { fastifySessionStore } from "sessile/stores";
import { equal, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { Client } from "./client.mjs";
import { barrier, counted, describeWithStorages, gate, storageCase } from "./stores.mjs";

const MINUTE = 60_000;

/** Serves an app with sessions while `work` is done; `routes` may add to it. */
async function serving(store, work, routes = () => {}, options = {}) {
  const app = Fastify();
  await app.register(fastifyCookie);
  const secret = "a secret of the tests, which is long enough";
  await app.register(fastifySession, {
    secret,
    saveUninitialized: false,
    cookie: { secure: false, maxAge: 60 * MINUTE },
    ...options,
    store,
  });
  app.get("/set/:key/:value", (request) => {
    request.session.set(request.params.key, request.params.value);
    return "set";
  });
  app.get("/get", (request) => dataOf(request.session));
  app.get("/logout", async (request) => {
    await request.session.destroy();
    return "out";
  });
  routes(app);
  try {
    return await work(new Client(await app.listen({ host: "127.0.0.1", port: 0 })));
  } finally {
    app.server.closeAllConnections();
    await app.close();
  }
}

/** What a session holds, as anybody sees it who goes through its keys. */
function dataOf(session) {
  const { cookie, ...data } = session;
  for (const key of Object.keys(data)) if (typeof data[key] === "function") data[key] = "a function";
  return data;
}

async function survivors(store, count) {
  const all = barrier(count);
  const routes = (app) =>
    app.get("/add/:key", async (request) => {
      await all();
      request.session.set(request.params.key, 1);
      return "added";
    });
  return serving(
    store,
    async (client) => {
      await client.text("/set/first/1");
      const adding = Array.from({ length: count }, (_, index) => client.clone().text(`/add/key${index}`));
      for (const answer of await Promise.all(adding)) equal(answer, "added");
      const { first, ...added } = await client.json("/get");
      equal(first, "1");
      return Object.keys(added).length;
    },
    routes,
  );
}

describeWithStorages("@fastify/session's store", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("keeps what requests set, and adds nothing that they see", (storage) =>
    serving(fastifySessionStore(storage), async (client) => {
      same(await client.json("/get"), {});
      await client.text("/set/name/Ada");
      await client.text("/set/city/London");
      same(await client.json("/get"), { name: "Ada", city: "London" });
    }),
  );

  onStorage("S1_200_parallel_requests_lose_nothing_of_each_other", async (storage) => {
    equal(await survivors(fastifySessionStore(storage), 200), 200, "keys that survived");
  });

  onStorage("S1_what_another_session_store_makes_of_them", async () => {
    // What comes with it hands out one object to all, so that nothing can be lost; one behind JSON loses all but one.
    const sessions = new Map();
    const store = {
      get: (id, done) => done(null, sessions.has(id) ? JSON.parse(sessions.get(id)) : undefined),
      set: (id, session, done) => done(void sessions.set(id, JSON.stringify(session))),
      destroy: (id, done) => done(void sessions.delete(id)),
    };
    equal(await survivors(store, 200), 1, "keys that survived");
  });

  for (const rolling of [true, false]) {
    onStorage(`S2_a_request_that_ends_after_a_logout_brings_nothing_back, rolling ${rolling}`, (storage) => {
      const arrived = barrier(4);
      const end = gate();
      const late = { "/change": true, "/read": false, "/save": true };
      const routes = (app) => {
        for (const [path, changes] of Object.entries(late)) {
          app.get(path, async (request) => {
            void arrived();
            await end.opened;
            if (changes) request.session.set("late", "yes");
            if (path === "/save") await request.session.save();
            return "late";
          });
        }
      };
      const work = async (client) => {
        await client.text("/set/user/17");
        const before = client.clone();
        const answers = Object.keys(late).map((path) => client.clone().text(path));
        await arrived();
        await client.text("/logout");
        end.open();
        for (const answer of await Promise.all(answers)) equal(answer, "late");
        same(await before.json("/get"), {}, "the session after the logout");
      };
      return serving(fastifySessionStore(storage), work, routes, { rolling });
    });
  }

  onStorage("regenerate leaves nothing under the old id; reload sees what others wrote", (storage) => {
    let other;
    const routes = (app) => {
      app.get("/login", async (request) => {
        await request.session.regenerate(["cart"]);
        request.session.set("user", "17");
        return "in";
      });
      app.get("/reload", async (request) => {
        request.session.set("mine", "lost by reload");
        await other.text("/set/theirs/seen");
        await request.session.reload();
        request.session.set("after", "kept");
        return "reloaded";
      });
    };
    const work = async (client) => {
      await client.text("/set/cart/full");
      const old = client.clone();
      await client.text("/login");
      same(await client.json("/get"), { cart: "full", user: "17" });
      same(await old.json("/get"), {});
      other = client.clone();
      await client.text("/reload");
      same(await client.json("/get"), { cart: "full", user: "17", theirs: "seen", after: "kept" });
    };
    return serving(fastifySessionStore(storage), work, routes);
  });

  onStorage("C13_tags_by_what_a_session_holds_log_a_user_out_everywhere", (storage) => {
    const tags = ({ user }) => (user === undefined ? [] : [`user:${user}`]);
    const store = fastifySessionStore(storage, { tags });
    return serving(store, async (client) => {
      const [phone, desk] = [client.clone(), client.clone()];
      await phone.text("/set/user/17");
      await desk.text("/set/user/17");
      equal(await store.invalidateTagged("user:17"), 2);
      same(await phone.json("/get"), {});
      same(await desk.json("/get"), {});
    });
  });
});

describe("@fastify/session's store", () => {
  it("a missing session is told as (null, undefined)", async () => {
    const store = fastifySessionStore(new SessionStorageMemory());
    const told = await new Promise((resolve) => store.get("missing", (...args) => resolve(args)));
    equal(told.length, 2);
    equal(told[0], null);
    equal(told[1], undefined);
  });

  it("C7_rolling_touches_and_writes_no_content_and_the_session_lives_on", async () => {
    let now = Date.now();
    const clock = () => now;
    const memory = new SessionStorageMemory({ clock });
    const { storage, calls } = counted(memory);
    await serving(fastifySessionStore(storage, { clock }), async (client) => {
      await client.text("/set/name/Ada");
      same(calls, { set: 1 });
      // Past the date that was written with the content, as far as the storage is concerned.
      for (let part = 0; part < 5; part += 1) {
        now += 30 * MINUTE;
        same(await client.json("/get"), { name: "Ada" }, `after ${part + 1} times half an hour`);
      }
      same(calls, { set: 1, get: 5, touch: 5 });
      now += 60 * MINUTE;
      same(await client.json("/get"), {});
    });
  });

  it("a session that was touched does not end at the date that its content still has", async () => {
    const storage = new SessionStorageMemory();
    await serving(fastifySessionStore(storage), async (client) => {
      await client.text("/set/name/Ada");
      const [id] = decodeURIComponent(client.cookie.replace("sessionId=", "")).split(".");
      const { cookie, ...data } = await storage.getJson(id);
      await storage.setJson(id, { ...data, cookie: { ...cookie, expires: new Date(0) } });
      same(await client.json("/get"), { name: "Ada" });
    });
  });

  it("a session keeps the date that its app has set", async () => {
    const expires = new Date(Date.now() + 60 * MINUTE);
    const storage = new SessionStorageMemory();
    const store = fastifySessionStore(storage, { tag: "web" });
    const work = async (client) => {
      await client.text("/set/name/Ada");
      same(await client.json("/get"), { name: "Ada" });
      for await (const { expiresAt } of storage.listTagged("web")) {
        equal(Math.abs(expiresAt - expires.getTime()) < 1_000, true, "expires when its cookie does");
      }
      equal(await store.length(), 1);
    };
    await serving(store, work, undefined, { cookie: { secure: false, expires } });
  });
});
