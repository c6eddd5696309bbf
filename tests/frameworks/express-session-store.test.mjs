import http from "node:http";
import process from "node:process";
import flash from "connect-flash";
import express from "express";
import session from "express-session";
import { Passport } from "passport";
import { Strategy as LocalStrategy } from "passport-local";
import { DirectoryStorage, SessionStorageMemory, directorySessionStorage, generateSessionId } from "sessile";
import { expressSessionStore } from "sessile/stores";
import { equal, matches, rejection, same } from "../package/expect.mjs";
import { makeFolder, removeFolder } from "../package/folders.mjs";
import { describe, it } from "../package/harness.mjs";
import { serving } from "./client.mjs";
import { bare, barrier, counted, describeWithStorages, gate, storageCase } from "./stores.mjs";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** The server of an app with sessions; `routes` may add to it. */
function serverOf(store, routes = () => {}, options = {}) {
  const app = express();
  const own = { secret: "a secret of the tests", resave: false, saveUninitialized: false };
  app.use(session({ ...own, ...options, store }));
  app.get("/set/:key/:value", (req, res) => {
    req.session[req.params.key] = req.params.value;
    res.send("set");
  });
  app.get("/get", (req, res) => {
    const { cookie, ...data } = req.session;
    res.json(data);
  });
  app.get("/logout", (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.send("out")));
  });
  routes(app);
  app.use((error, req, res, _next) => void res.status(500).json({ code: error.code }));
  return http.createServer(app);
}

/** How many of so many parallel requests, each of which adds a key of its own, are in the session at the end. */
async function survivors(store, count, options) {
  const all = barrier(count);
  const routes = (app) =>
    app.get("/add/:key", async (req, res) => {
      await all();
      req.session[req.params.key] = 1;
      res.send("added");
    });
  return serving(serverOf(store, routes, options), async (client) => {
    await client.text("/set/first/1");
    const adding = Array.from({ length: count }, (_, index) => client.clone().text(`/add/key${index}`));
    for (const answer of await Promise.all(adding)) equal(answer, "added");
    const { first, ...added } = await client.json("/get");
    equal(first, "1");
    return Object.keys(added).length;
  });
}

/** A stored session as the middleware has it, with a cookie of one hour. */
function contentOf(data = {}) {
  const cookie = { originalMaxAge: 60 * MINUTE, expires: new Date(Date.now() + 60 * MINUTE), path: "/" };
  return { cookie, ...data };
}

describeWithStorages("express-session's store", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("keeps what requests set, and the cookie", async (storage) => {
    const store = expressSessionStore(session, storage);
    await serving(serverOf(store, undefined, { cookie: { maxAge: 60 * MINUTE } }), async (client) => {
      same(await client.json("/get"), {});
      await client.text("/set/name/Ada");
      await client.text("/set/city/London");
      same(await client.json("/get"), { name: "Ada", city: "London" });
    });
  });

  onStorage("S1_200_parallel_requests_lose_nothing_of_each_other", async (storage) => {
    equal(await survivors(expressSessionStore(session, storage), 200), 200, "keys that survived");
  });

  onStorage("S1_nor_do_they_with_resave_and_rolling", async (storage) => {
    const options = { resave: true, rolling: true, cookie: { maxAge: 60 * MINUTE } };
    equal(await survivors(expressSessionStore(session, storage), 100, options), 100, "keys that survived");
  });

  onStorage("S1_the_store_that_comes_with_it_loses_all_but_one", async () => {
    equal(await survivors(new session.MemoryStore(), 200), 1, "keys that survived");
  });

  for (const resave of [false, true]) {
    onStorage(
      `S2_a_request_that_ends_after_a_logout_brings_nothing_back${resave ? ", resave" : ""}`,
      (storage) => logout(expressSessionStore(session, storage), resave),
    );
  }

  onStorage("S2_nor_does_one_that_saves_by_hand_or_only_touches", async (storage) => {
    const store = expressSessionStore(session, storage, { touchAfter: 1 });
    const arrived = barrier(3);
    const end = gate();
    const saved = [];
    const routes = (app) => {
      app.get("/save", async (req, res) => {
        await arrived();
        await end.opened;
        req.session.late = "yes";
        req.session.save((error) => {
          saved.push(error ?? "no error");
          req.session.later = "yes";
          res.send("saved");
        });
      });
      app.get("/touch", async (req, res) => {
        await arrived();
        await end.opened;
        res.send("touched");
      });
    };
    await serving(serverOf(store, routes), async (client) => {
      await client.text("/set/user/17");
      const before = client.clone();
      const late = [client.clone().text("/save"), client.clone().text("/touch")];
      await arrived();
      await client.text("/logout");
      end.open();
      same(await Promise.all(late), ["saved", "touched"]);
      same(saved, ["no error"]);
      same(await before.json("/get"), {});
    });
  });

  async function logout(store, resave) {
    const arrived = gate();
    const end = gate();
    const routes = (app) =>
      app.get("/slow", async (req, res) => {
        arrived.open();
        await end.opened;
        req.session.late = "yes";
        res.send("slow");
      });
    await serving(serverOf(store, routes, { resave }), async (client) => {
      await client.text("/set/user/17");
      const before = client.clone();
      const slow = client.clone().text("/slow");
      await arrived.opened;
      equal(await client.text("/logout"), "out");
      end.open();
      equal(await slow, "slow");
      same(await before.json("/get"), {}, "the session after the logout");
    });
  }

  onStorage("regenerate leaves nothing under the old id; reload sees what others wrote", async (storage) => {
    const store = expressSessionStore(session, storage);
    const routes = (app) => {
      app.get("/login", (req, res, next) => {
        req.session.regenerate((error) => {
          if (error) return next(error);
          req.session.user = "17";
          return res.send("in");
        });
      });
      app.get("/reload", async (req, res, next) => {
        req.session.mine = "lost by reload";
        await other.text("/set/theirs/seen");
        req.session.reload((error) => {
          if (error) return next(error);
          req.session.after = "kept";
          return res.send("reloaded");
        });
      });
    };
    let other;
    await serving(serverOf(store, routes), async (client) => {
      await client.text("/set/cart/full");
      const old = client.clone();
      await client.text("/login");
      same(await client.json("/get"), { user: "17" });
      same(await old.json("/get"), {});
      other = client.clone();
      await client.text("/reload");
      same(await client.json("/get"), { user: "17", theirs: "seen", after: "kept" });
    });
  });

  onStorage("passport and connect-flash work with it", async (storage) => {
    const store = expressSessionStore(session, storage, {
      tags: ({ passport: login }) => (login?.user === undefined ? [] : [`user:${login.user}`]),
    });
    const passport = new Passport();
    passport.use(
      new LocalStrategy((username, password, done) => done(null, password === "p" && { username })),
    );
    passport.serializeUser(({ username }, done) => done(null, username));
    passport.deserializeUser((username, done) => done(null, { username }));
    const routes = (app) => {
      app.use(flash(), passport.session());
      const failureRedirect = "/failed";
      app.get(
        "/login",
        passport.authenticate("local", { failureRedirect, failureFlash: "wrong" }),
        (req, res) => res.send("in"),
      );
      app.get("/who", (req, res) => res.json(req.user ?? null));
      app.get("/flash", (req, res) => res.json(req.flash("error")));
      app.get("/out", (req, res, next) => req.logout((error) => (error ? next(error) : res.send("out"))));
    };
    await serving(serverOf(store, routes), async (client) => {
      await client.text("/set/cart/full");
      const failed = await client.send("/login?username=ada&password=wrong");
      equal(failed.headers.get("location"), "/failed");
      await failed.text(); // express-session sends headers before it has saved
      same(await client.json("/flash"), ["wrong"]);
      same(await client.json("/flash"), []);
      const fixed = client.clone();
      equal(await client.text("/login?username=ada&password=p"), "in");
      same(await client.json("/who"), { username: "ada" });
      equal(await fixed.json("/who"), null, "under the id from before the login");
      const other = client.clone();
      equal(await client.text("/out"), "out");
      equal(await other.json("/who"), null);
      await client.text("/login?username=ada&password=p");
      equal(await store.invalidateTagged("user:ada"), 1);
      equal(await client.json("/who"), null);
    });
  });

  onStorage("C13_tags_by_what_a_session_holds_log_a_user_out_everywhere", async (storage) => {
    const store = expressSessionStore(session, storage, {
      tags: ({ user }) => (user === undefined ? [] : [`user:${user}`]),
    });
    await serving(serverOf(store), async (client) => {
      const phone = client.clone();
      const desk = client.clone();
      const guest = client.clone();
      await phone.text("/set/user/17");
      await desk.text("/set/user/17");
      await guest.text("/set/cart/full");
      equal(await store.invalidateTagged("user:17"), 2);
      same(await phone.json("/get"), {});
      same(await desk.json("/get"), {});
      same(await guest.json("/get"), { cart: "full" });
    });
  });

  onStorage("C13_a_parallel_request_that_knew_no_user_does_not_take_the_tag", async (storage) => {
    const store = expressSessionStore(session, storage, {
      tags: ({ user }) => (user === undefined ? [] : [`user:${user}`]),
    });
    await store.set("id", contentOf());
    const [login, cart] = [await store.get("id"), await store.get("id")];
    login.user = 17;
    cart.cart = "full";
    await store.set("id", login);
    await store.set("id", cart);
    equal(await store.invalidateTagged("user:17"), 1);
  });

  onStorage("length and clear go by the store's tag; all is refused", async (storage) => {
    const store = expressSessionStore(session, storage, { tag: "web" });
    await store.set("one", contentOf({ n: 1 }));
    await store.set("two", contentOf({ n: 2 }));
    await storage.setJson("of somebody else", {});
    equal(await called((done) => store.length(done)), 2);
    equal((await rejection(called((done) => store.all(done)))).code, "ERR_SESSION_UNSUPPORTED");
    equal(await called((done) => store.clear(done)), undefined);
    equal(await store.length(), 0);
    equal(await store.get("one"), undefined);
    same(await storage.getJson("of somebody else"), {});
    const untagged = expressSessionStore(session, storage);
    for (const method of ["length", "clear"]) {
      equal(
        (await rejection(called((done) => untagged[method](done)))).code,
        "ERR_SESSION_UNSUPPORTED",
        method,
      );
    }
  });

  onStorage("a prefix keeps two stores apart", async (storage) => {
    const one = expressSessionStore(session, storage, { prefix: "one:" });
    const other = expressSessionStore(session, storage, { prefix: "other:" });
    await one.set("id", contentOf({ name: "Ada" }));
    equal(await other.get("id"), undefined);
    equal((await storage.getJson("one:id")).name, "Ada");
    await other.destroy("id");
    equal((await one.get("id")).name, "Ada");
  });

  onStorage("objects are nobody else's: not the one given, nor the one set", async (storage) => {
    const store = expressSessionStore(session, storage);
    const content = contentOf({ list: [1] });
    const setting = store.set("id", content);
    content.list.push(2);
    await setting;
    const first = await store.get("id");
    same(first.list, [1]);
    first.list.push(3);
    same((await store.get("id")).list, [1]);
  });

  onStorage("a plain object replaces what is there, as in other stores", async (storage) => {
    const store = expressSessionStore(session, storage);
    await store.set("id", contentOf({ one: 1 }));
    await store.set("id", contentOf({ two: 2 }));
    same(Object.keys(await store.get("id")), ["cookie", "two"]);
    await store.destroy("id");
    await store.set("id", contentOf({ three: 3 }));
    equal((await store.get("id")).three, 3);
  });

  onStorage("S1_an_object_that_is_saved_again_keeps_what_others_added_and_removed", async (storage) => {
    const store = expressSessionStore(session, storage);
    await store.set("id", contentOf({ gone: 1, gone2: 1 }));
    const [one, other] = [await store.get("id"), await store.get("id")];
    delete other.gone;
    other.other = 1;
    await store.set("id", other);
    one.one = 1;
    delete one.gone2;
    await store.set("id", one);
    one.two = 2;
    await store.set("id", one);
    const { cookie, ...data } = await store.get("id");
    same(data, { other: 1, one: 1, two: 2 });
    const again = await store.get("id");
    again.one = 3;
    await store.set("id", again);
    one.two = 4;
    await store.set("id", one);
    equal((await store.get("id")).one, 3, "what others changed after it was saved");
  });

  it("S2_an_id_that_was_given_to_another_session_is_not_the_one_that_was_loaded", () => {
    let now = 1_800_000_000_000;
    const clock = () => now;
    return withStorage({ clock }, async (storage) => {
      const store = expressSessionStore(session, storage, { clock });
      await store.set("id", contentOf({ login: 1 }));
      const held = await store.get("id");
      await store.destroy("id");
      now += 1;
      await store.set("id", contentOf({ login: 2 }));
      held.late = true;
      await store.set("id", held);
      const { cookie, ...data } = await store.get("id");
      same(data, { login: 2 });
    });
  });

  onStorage("saves of one object that overlap end with the last", async (storage) => {
    const store = expressSessionStore(session, storage);
    const content = contentOf();
    const saves = [];
    for (let n = 1; n <= 20; n += 1) saves.push(store.set("id", Object.assign(content, { n })));
    await Promise.all(saves);
    equal((await store.get("id")).n, 20);
    const strict = expressSessionStore(session, storage, { onConflict: "error" });
    const held = await strict.get("id");
    await Promise.all([21, 22].map((n) => strict.set("id", Object.assign(held, { n }))));
    equal((await store.get("id")).n, 22, "after saves that would take each other for others");
  });

  onStorage("C4_a_session_that_is_destroyed_while_it_is_first_saved_is_gone", async (storage) => {
    const store = expressSessionStore(session, storage);
    for (let round = 0; round < 20; round += 1) {
      const content = contentOf({ round });
      const saving = store.set("id", content);
      await store.destroy("id");
      await saving;
      equal(await store.get("id"), undefined);
      const destroying = store.destroy("id");
      await store.set("id", contentOf()); // may be gone, but it is no error
      await destroying;
    }
  });

  onStorage("sessions of sessile itself carry over, which have no cookie inside", async (storage) => {
    const store = expressSessionStore(session, storage);
    const id = generateSessionId();
    await storage.setJson(id, { user: "17" });
    await serving(serverOf(store, undefined, { genid: () => id }), async (client) => {
      await client.text("/set/x/1"); // makes the id, which replaces what is there
      await storage.setJson(id, { user: "17" }, { tags: ["user:17"] });
      same(await client.json("/get"), { user: "17" });
      await client.text("/set/more/1");
      same(await client.json("/get"), { user: "17", more: "1" });
      same((await storage.info(id)).tags, ["user:17"]);
    });
  });
});

/** What a callback is told, as a promise. */
function called(call) {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });
}

describe("express-session's store, several servers over one folder", () => {
  /** Two servers whose storages know nothing of each other. */
  async function servers(storageOf, routes, work) {
    const folder = makeFolder();
    const storages = [storageOf(folder), storageOf(folder)];
    const [one, other] = storages.map((storage) => serverOf(expressSessionStore(session, storage), routes));
    try {
      await serving(one, (client) => serving(other, ({ origin }) => work(client, origin)));
    } finally {
      for (const storage of storages) await storage.close();
      removeFolder(folder);
    }
  }

  for (const [name, storageOf] of [
    ["", (folder) => new DirectoryStorage(folder)],
    [", cached", (folder) => directorySessionStorage(folder)],
  ]) {
    it(`S1_parallel_requests_to_both_lose_nothing${name}`, () => {
      const all = barrier(100);
      const routes = (app) =>
        app.get("/add/:key", async (req, res) => {
          await all();
          req.session[req.params.key] = 1;
          res.send("added");
        });
      return servers(storageOf, routes, async (client, origin) => {
        await client.text("/set/first/1");
        const adding = Array.from({ length: 100 }, (_, index) => {
          const own = client.clone();
          if (index % 2 === 1) own.origin = origin;
          return own.text(`/add/key${index}`);
        });
        for (const answer of await Promise.all(adding)) equal(answer, "added");
        client.origin = origin;
        await client.text("/set/last/1"); // a write, which a cache cannot answer
        equal(Object.keys(await client.json("/get")).length, 102);
      });
    });

    it(`S2_a_logout_at_one_stops_what_is_under_way_at_the_other${name}`, () => {
      const arrived = gate();
      const end = gate();
      const routes = (app) =>
        app.get("/slow", async (req, res) => {
          arrived.open();
          await end.opened;
          req.session.late = "yes";
          res.send("slow");
        });
      return servers(storageOf, routes, async (client, origin) => {
        await client.text("/set/user/17");
        const before = client.clone();
        const slow = client.clone().text("/slow");
        await arrived.opened;
        client.origin = origin;
        await client.text("/logout");
        end.open();
        await slow;
        same(await before.json("/get"), {});
      });
    });
  }
});

describe("express-session's store and time", () => {
  /** A store over a memory storage with a clock that the test moves; `calls` counts what the storage is asked. */
  function timed(options = {}) {
    let now = 1_800_000_000_000;
    const clock = () => now;
    const memory = new SessionStorageMemory({ clock });
    const { storage, calls } = counted(memory);
    const store = expressSessionStore(session, storage, { clock, ...options });
    const pass = (milliseconds) => (now += milliseconds);
    const cookie = (maxAge) => ({ originalMaxAge: maxAge, expires: new Date(now + maxAge), path: "/" });
    return { store, storage: memory, calls, pass, cookie, clock };
  }

  it("a session lives as long as its cookie, from its last activity", async () => {
    const { store, storage, pass, cookie } = timed();
    await store.set("id", { cookie: cookie(30 * MINUTE) });
    equal((await storage.info("id")).idleTimeout, 30 * MINUTE);
    pass(29 * MINUTE);
    await store.touch("id", await store.get("id"));
    pass(29 * MINUTE);
    equal(typeof (await store.get("id")), "object");
    pass(2 * MINUTE);
    equal(await store.get("id"), undefined);
  });

  it("one without an age lives a day, or as the option says; one with a date, until then", async () => {
    const { store, storage, clock } = timed();
    await store.set("id", { cookie: { originalMaxAge: null, path: "/" } });
    equal((await storage.info("id")).idleTimeout, DAY);
    await store.set("dated", { cookie: { originalMaxAge: null, expires: new Date(clock() + 5_000) } });
    equal((await storage.info("dated")).expiresAt, clock() + 5_000);
    for (const [idleTimeout, expected] of [
      ["2h", 120 * MINUTE],
      [null, undefined],
    ]) {
      const other = expressSessionStore(session, storage, { idleTimeout, clock });
      await other.set("other", { cookie: { originalMaxAge: null } });
      equal((await storage.info("other")).idleTimeout, expected);
    }
  });

  it("an age of zero, or a date that has passed, ends it", async () => {
    const { store, clock } = timed();
    for (const over of [{ originalMaxAge: 0 }, { originalMaxAge: -1 }, { expires: new Date(clock() - 1) }]) {
      await store.set("id", { cookie: { originalMaxAge: 60_000 } });
      const content = await store.get("id");
      content.cookie = over;
      await store.set("id", content);
      equal(await store.get("id"), undefined);
      await store.set("id", content);
      equal(await store.get("id"), undefined, "after another save");
    }
  });

  it("C7_a_touch_writes_no_content_and_a_set_without_a_change_is_a_touch", async () => {
    const { store, storage, calls, pass, cookie } = timed();
    await store.set("id", { cookie: cookie(30 * MINUTE), name: "Ada" });
    const { revision } = await storage.info("id");
    for (const method of ["touch", "set"]) {
      pass(10 * MINUTE);
      const content = await store.get("id");
      content.cookie = cookie(30 * MINUTE);
      await store[method]("id", content);
      const info = await storage.info("id");
      equal(info.revision, revision, `the revision after ${method}`);
      equal(info.expiresAt, Date.parse(content.cookie.expires), `the expiry after ${method}`);
    }
    same(calls, { set: 1, get: 2, touch: 2 });
    equal(Date.parse((await store.get("id")).cookie.expires), (await storage.info("id")).expiresAt);
  });

  it("a touch writes a cookie of another age, and nothing else", async () => {
    const { store, storage, cookie } = timed();
    await store.set("id", { cookie: cookie(30 * MINUTE), name: "Ada" });
    const content = await store.get("id");
    content.cookie = cookie(60 * MINUTE);
    content.name = "not to be written";
    await store.touch("id", content);
    const stored = await storage.getJson("id");
    equal(stored.name, "Ada");
    equal(stored.cookie.originalMaxAge, 60 * MINUTE);
    equal((await storage.info("id")).idleTimeout, 60 * MINUTE);
  });

  it("touches are throttled", async () => {
    const { store, calls, pass, cookie } = timed();
    await store.set("id", { cookie: cookie(30 * MINUTE) });
    for (let second = 0; second < 59; second += 1) {
      pass(1_000);
      await store.touch("id", await store.get("id"));
    }
    equal(calls.touch, undefined);
    pass(1_000);
    await store.touch("id", await store.get("id"));
    equal(calls.touch, 1);
    const other = timed({ touchAfter: "1s" });
    await other.store.set("id", { cookie: other.cookie(30 * MINUTE) });
    other.pass(1_000);
    await other.store.touch("id", await other.store.get("id"));
    equal(other.calls.touch, 1);
  });

  it("an object that is held for long is touched again and again", async () => {
    const { store, storage, pass, cookie } = timed();
    await store.set("id", { cookie: cookie(30 * MINUTE) });
    const held = await store.get("id");
    const made = { cookie: cookie(30 * MINUTE) };
    await store.set("made", made);
    for (let round = 1; round <= 10; round += 1) {
      pass(20 * MINUTE);
      await store[round % 2 === 0 ? "touch" : "set"]("id", held);
      await store.touch("made", made);
      if (round === 5) await store.set("id", Object.assign(held, { round }));
    }
    equal((await storage.getJson("id")).round, 5);
    equal((await storage.info("made")) === undefined, false);
  });

  it("a date is not moved by activity", async () => {
    const { store, storage, pass, clock } = timed({ touchAfter: 1 });
    const expires = new Date(clock() + 60 * MINUTE);
    await store.set("id", { cookie: { originalMaxAge: null, expires } });
    pass(30 * MINUTE);
    const content = await store.get("id");
    await store.touch("id", content);
    equal((await storage.info("id")).expiresAt, expires.getTime());
    await store.set("id", Object.assign(content, { name: "Ada" }));
    pass(MINUTE);
    await store.touch("id", content);
    equal((await storage.info("id")).expiresAt, expires.getTime());
  });

  it("absoluteTimeout bounds it, however active it is", async () => {
    const { store, pass, cookie } = timed({ absoluteTimeout: "1h", touchAfter: 1 });
    await store.set("id", { cookie: cookie(30 * MINUTE) });
    for (const minutes of [20, 20]) {
      pass(minutes * MINUTE);
      await store.touch("id", await store.get("id"));
    }
    pass(19 * MINUTE);
    equal(typeof (await store.get("id")), "object");
    pass(MINUTE);
    equal(await store.get("id"), undefined);
  });
});

describe("express-session's store and storages of one's own", () => {
  const merged = async (store) => {
    await store.set("id", contentOf());
    const [one, other] = [await store.get("id"), await store.get("id")];
    one.one = 1;
    other.other = 2;
    await store.set("id", one);
    await store.set("id", other);
    const { cookie, ...data } = await store.get("id");
    return data;
  };

  it("three methods are enough", async () => {
    const clock = () => now;
    let now = 1_800_000_000_000;
    const storage = bare(new SessionStorageMemory({ clock }));
    const store = expressSessionStore(session, storage, { clock });
    same(await merged(store), { one: 1, other: 2 });
    now += 59 * MINUTE;
    await store.touch("id", await store.get("id"));
    now += 59 * MINUTE;
    equal((await store.get("id")).one, 1, "after a touch, which is a write here");
    const held = await store.get("id");
    await store.destroy("id");
    await store.touch("id", held);
    equal(await store.get("id"), undefined);
  });

  it("onConflict: overwrite lets the last win, error tells; a logout sticks in both", async () => {
    for (const [onConflict, expected] of [
      ["overwrite", { other: 2 }],
      ["error", "ERR_SESSION_CONFLICT"],
    ]) {
      const store = expressSessionStore(session, new SessionStorageMemory(), { onConflict });
      if (onConflict === "error") equal((await rejection(merged(store))).code, expected);
      else same(await merged(store), expected);
      const held = await store.get("id");
      await store.destroy("id");
      held.late = true;
      await store.set("id", held).catch((error) => equal(error.code, "ERR_SESSION_CONFLICT"));
      equal(await store.get("id"), undefined);
    }
  });

  it("without conditional writes it must be overwrite, which looks before it writes", async () => {
    const memory = new SessionStorageMemory();
    const storage = bare(memory, { ...memory.capabilities, conditional: false });
    try {
      expressSessionStore(session, storage);
      throw new Error("it was taken");
    } catch (error) {
      equal(error.code, "ERR_SESSION_INVALID_OPTION");
    }
    const store = expressSessionStore(session, storage, { onConflict: "overwrite" });
    same(await merged(store), { other: 2 });
    const held = await store.get("id");
    await store.destroy("id");
    await store.set("id", { ...held });
    const copied = await store.get("id");
    await store.destroy("id");
    copied.late = true;
    await store.set("id", copied);
    equal(await store.get("id"), undefined);
  });

  it("S6_a_storage_that_fails_is_an_error_to_the_app_and_no_empty_session", async () => {
    const memory = new SessionStorageMemory();
    let fails = false;
    const failing = {
      capabilities: memory.capabilities,
      write: (...args) => memory.write(...args),
      read: (...args) => (fails ? Promise.reject(new Error("no disk")) : memory.read(...args)),
      invalidate: (id) => memory.invalidate(id),
    };
    const store = expressSessionStore(session, failing);
    await serving(serverOf(store), async (client) => {
      await client.text("/set/user/17");
      fails = true;
      const response = await client.send("/get");
      equal(response.status, 500);
      same(await response.json(), { code: "ERR_SESSION_STORAGE" });
      fails = false;
      same(await client.json("/get"), { user: "17" });
    });
  });

  it("a failure that nobody waits for is no unhandled rejection", async () => {
    const memory = new SessionStorageMemory();
    const fails = () => Promise.reject(new Error("no disk"));
    const failing = { ...bare(memory), write: fails, invalidate: fails };
    const store = expressSessionStore(session, failing);
    const routes = (app) =>
      app.get("/careless", (req, res) => {
        req.session.save();
        req.session.destroy();
        res.send("gone");
      });
    await serving(serverOf(store, routes), async (client) => {
      equal(await client.text("/careless"), "gone");
      equal((await rejection(store.destroy("id"))).code, "ERR_SESSION_STORAGE");
    });
  });

  it("S7_what_is_no_JSON_object_is_reported_and_no_session", async () => {
    const storage = new SessionStorageMemory();
    const reports = [];
    const store = expressSessionStore(session, storage, { onInvalid: (cause) => reports.push(cause.code) });
    for (const content of ["{ torn", "17", "null", "[1]", new Uint8Array([0xff])]) {
      await storage.set("id", content);
      equal(await store.get("id"), undefined);
    }
    same(reports, Array(5).fill("ERR_SESSION_CORRUPT"));
    equal(await expressSessionStore(session, storage).get("id"), undefined);
    const tooLong = "x".repeat(2_000);
    equal(await store.get(tooLong), undefined, "an id that cannot be");
    await store.destroy(tooLong);
    equal(await store.get(undefined), undefined);
    equal((await rejection(store.set(undefined, contentOf()))).code, "ERR_SESSION_INVALID_ID");
  });

  it("is a Store and an emitter that says nothing of connections", async () => {
    const store = expressSessionStore(session, new SessionStorageMemory());
    equal(store instanceof session.Store, true);
    const events = [];
    for (const event of ["connect", "disconnect"]) store.on(event, () => events.push(event));
    await store.set("id", contentOf({ name: "Ada" }));
    const loaded = await called((done) => store.load("id", done));
    equal(loaded.name, "Ada");
    equal(typeof loaded.cookie.maxAge, "number");
    loaded.name = "Grace";
    await called((done) => loaded.save(done));
    equal((await store.get("id")).name, "Grace");
    same(events, []);
  });

  it("what a callback throws is not told to it again", async () => {
    const store = expressSessionStore(session, new SessionStorageMemory());
    const thrown = gate();
    process.once("uncaughtException", thrown.open);
    const told = [];
    store.get("id", (error, content) => {
      told.push([error, content]);
      throw new Error("of the callback");
    });
    matches((await thrown.opened).message, /of the callback/);
    same(told, [[null, undefined]]);
  });

  it("refuses options that make no sense", () => {
    const storage = new SessionStorageMemory();
    const wrong = [
      [undefined, storage],
      [session, undefined],
      [session, storage, null],
      [session, storage, { onConflict: "win" }],
      [session, storage, { idleTimeout: 0 }],
      [session, storage, { absoluteTimeout: "soon" }],
      [session, storage, { touchAfter: -1 }],
      [session, storage, { tags: ["user"] }],
      [session, storage, { tag: 17 }],
      [session, storage, { prefix: 17 }],
      [session, storage, { clock: 17 }],
      [session, bare(storage, { conditional: true }), { tag: "web" }],
    ];
    for (const [index, args] of wrong.entries()) {
      let code = "nothing";
      try {
        expressSessionStore(...args);
      } catch (error) {
        code = error.code;
      }
      equal(code, "ERR_SESSION_INVALID_OPTION", `case ${index}`);
    }
  });
});
