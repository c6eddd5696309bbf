// What the drop-in has beyond express-session, and what it refuses.
import { createSecretKey } from "node:crypto";
import http from "node:http";
import cookieParser from "cookie-parser";
import { SessionStorageMemory, Signer } from "sessile";
import session, { MemoryStore, Session, Store } from "sessile/express-session";
import { equal, matches, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { QUIET, SECRET, read, recordingStore, served, servedWith, standingClock } from "./drop-in.mjs";
import { routesOf } from "./drop-in-routes.mjs";
import { bare, gate } from "./stores.mjs";

const MINUTE = 60_000;

describe("the drop-in", () => {
  it("an answer does not leave before its session is stored, redirects included", async () => {
    const [reached, waits] = [gate(), gate()];
    const store = new MemoryStore();
    const { set } = store;
    store.set = async (id, content, callback) => {
      reached.open();
      await waits.opened;
      set.call(store, id, content, callback);
    };
    await served({ store }, async (browser) => {
      let arrived = false;
      const redirect = browser.send("/login").then((answer) => {
        arrived = true;
        return answer;
      });
      await reached.opened;
      await browser.clone().send("/untouched");
      equal(arrived, false, "the redirect arrived");
      waits.open();
      equal((await redirect).status, 302);
      same(await read(browser), { user: "Ada" });
    });
  });

  it("methods answer promises where no callback is given, and the session otherwise", async () => {
    const store = recordingStore(session);
    await served(
      { store },
      async (browser) => {
        await browser.send("/write");
        same(JSON.parse((await browser.send("/promises")).body), [
          true,
          true,
          1,
          true,
          "undefined",
          "object",
          true,
        ]);
        store.failing.set = new Error("no disk");
        equal((await browser.send("/save-fails")).body, "no disk");
        equal((await browser.send("/update")).body, "ERR_SESSION_UNSUPPORTED");
      },
      (app) => {
        app.get("/promises", async (req, res) => {
          const answers = [];
          const first = req.session;
          answers.push(first.save((error) => error) === first, first.touch() === first);
          await req.session.save();
          await req.session.reload();
          answers.push(req.session.views, req.session !== first);
          await req.session.destroy();
          answers.push(typeof req.session);
          req.sessionStore.generate(req);
          const { id } = req.session;
          await req.session.regenerate();
          answers.push(typeof req.session, req.session.id !== id);
          res.json(answers);
        });
        app.get("/save-fails", async (req, res) => res.send((await rejection(req.session.save())).message));
        app.get("/update", async (req, res) =>
          res.send((await rejection(req.session.update(() => {}))).code),
        );
      },
    );
  });

  it("update rejects for a session that is new, has ended, or whose change would wait", async () => {
    await served(
      { store: new SessionStorageMemory() },
      async (browser) => {
        equal((await browser.send("/update")).body, "ERR_SESSION_NOT_FOUND");
        await browser.send("/write");
        equal((await browser.send("/update-async")).body, "ERR_SESSION_INVALID_OPTION");
        equal((await browser.send("/update-ended")).body, "ERR_SESSION_NOT_FOUND");
      },
      (app) => {
        app.get("/update", async (req, res) =>
          res.send((await rejection(req.session.update(() => {}))).code),
        );
        app.get("/update-async", async (req, res) =>
          res.send((await rejection(req.session.update(async () => {}))).code),
        );
        app.get("/update-ended", async (req, res) => {
          await req.sessionStore.destroy(req.sessionID);
          res.send((await rejection(req.session.update(() => {}))).code);
        });
      },
    );
  });

  it("invalidateTagged logs a user out everywhere", async () => {
    const storeOptions = { tags: ({ user }) => (user === undefined ? [] : [`user:${user}`]) };
    await served(
      { store: new SessionStorageMemory(), storeOptions },
      async (browser) => {
        const phone = browser.clone();
        await browser.send("/login");
        await phone.send("/login");
        equal((await browser.clone().send("/kick")).body, "2");
        same([await read(browser), await read(phone)], [{}, {}]);
      },
      (app) => {
        app.get("/kick", async (req, res) =>
          res.send(String(await req.sessionStore.invalidateTagged("user:Ada"))),
        );
      },
    );
  });

  it("MemoryStore has its sessions listed, counted and cleared, and frees what has expired", async () => {
    let now = Date.now();
    const store = new MemoryStore({ clock: () => now });
    const content = (maxAge) => ({
      cookie: { originalMaxAge: maxAge, expires: new Date(now + maxAge) },
      name: maxAge,
    });
    await store.set("one", content(MINUTE));
    await store.set("other", content(10 * MINUTE));
    await store.set("third", content(10 * MINUTE));
    same(Object.keys(await store.all()), ["one", "other", "third"]);
    now += 2 * MINUTE;
    equal(await store.length(), 2);
    same(
      Object.values(await store.all()).map(({ name }) => name),
      [10 * MINUTE, 10 * MINUTE],
    );
    await store.destroy("third");
    equal(await new Promise((resolve) => store.length((_, length) => resolve(length))), 1);
    await store.clear();
    same([await store.length(), await store.get("other")], [0, undefined]);
    const small = new MemoryStore({ maxSessions: 2 });
    for (const id of ["a", "b", "c"]) await small.set(id, content(MINUTE));
    equal(await small.length(), 2);
  });

  it("a store is disconnected and connected again", async () => {
    const store = recordingStore(session);
    await served({ store }, async (browser) => {
      await browser.send("/write");
      store.emit("disconnect");
      equal((await browser.send("/read")).body, "no session");
      store.emit("connect");
      same(await read(browser), { views: 1 });
    });
  });

  it("a cookie of an older secret, of bytes, a KeyObject or cookie-parser is accepted", async () => {
    const secrets = [
      [SECRET],
      ["newer", SECRET],
      ["newer", Buffer.from(SECRET)],
      ["newer", createSecretKey(Buffer.from(SECRET))],
    ];
    const store = new SessionStorageMemory();
    let cookie;
    for (const secret of secrets) {
      await served({ store, secret, cookie: { maxAge: MINUTE }, rolling: true }, async (browser) => {
        const headers = cookie === undefined ? {} : { cookie };
        const answer = await browser.send("/write", { headers });
        cookie ??= browser.cookie;
        const [, value] = answer.headers["set-cookie"][0].split(/[=;]/);
        const newest = Buffer.isBuffer(secret[0]) ? secret[0].toString() : secret[0];
        equal(
          new Signer([newest]).verify(decodeURIComponent(value)) !== undefined,
          true,
          "signed by the newest",
        );
      });
    }
    await served({ store, secret: undefined }, async (browser) => {
      matches((await browser.send("/read")).body, /secret option required/);
    });
    const before = [cookieParser(SECRET)];
    const options = { ...QUIET, store, secret: undefined };
    await servedWith(session, { options, before, routes: routesOf }, async (browser) => {
      const { body } = await browser.send("/read", { headers: { cookie } });
      same(JSON.parse(body), { views: 4 });
    });
  });

  it("S3_a_cookie_that_is_not_signed_or_not_stored_is_no_session", async () => {
    await served({ store: new SessionStorageMemory() }, async (browser) => {
      const ticket = new Signer([SECRET]).sign("chosen");
      for (const value of ["chosen", "s:chosen.AAAA", ticket, `${ticket}x`, "s:", "%E0%A4%A", ""]) {
        const headers = { cookie: `connect.sid=${encodeURIComponent(value)}` };
        const answer = await browser.clone().send("/write", { headers });
        equal(answer.body, "views 1", value);
        matches(answer.headers["set-cookie"][0], /^connect\.sid=s%3Aid-/);
      }
    });
  });

  it("S3_nor_is_the_id_of_another_with_a_signature_that_is_wrong", async () => {
    await served({ store: new SessionStorageMemory() }, async (browser) => {
      await browser.send("/write");
      const stranger = browser.clone();
      const [, right] = browser.cookie.split("=");
      const [head, signature] = decodeURIComponent(right).split(".");
      for (const wrong of ["AAAA", "", signature.slice(1), `${signature}A`, signature.toLowerCase()]) {
        // Also once the right one is known.
        same(await read(browser), { views: 1 });
        const headers = { cookie: `connect.sid=${encodeURIComponent(`${head}.${wrong}`)}` };
        equal((await stranger.send("/read", { headers })).body, "{}", "with another's session");
      }
    });
  });

  it("S1_a_session_that_was_merged_goes_on_being_merged", async () => {
    const store = new SessionStorageMemory();
    const more = (app) => {
      app.get("/long", async (req, res) => {
        req.session.mine = 1;
        await theirs.send("/nested");
        // Past the session, as some middleware does.
        await req.sessionStore.set(req.sessionID, req.session);
        req.session.mine = 2;
        res.send("long");
      });
    };
    let theirs;
    await served(
      { store },
      async (browser) => {
        await browser.send("/write");
        theirs = browser.clone();
        await browser.send("/long");
        same(await read(browser), { views: 1, list: ["ü €"], mine: 2 });
      },
      more,
    );
  });

  it("what update has stored is not stored again, and a cookie of another age alone is", async () => {
    const store = new SessionStorageMemory();
    const more = (app) => {
      app.get("/update", async (req, res) => {
        await req.session.update((stored) => void (stored.views += 1));
        res.send((await store.info(req.sessionID)).revision);
      });
    };
    await served(
      { store, cookie: { maxAge: 60 * MINUTE } },
      async (browser) => {
        await browser.send("/write");
        const { body } = await browser.send("/update");
        equal((await store.info("id-1")).revision, body);
        await browser.send("/longer");
        equal((await store.info("id-1")).idleTimeout, 120 * MINUTE);
        const [cookie] = JSON.parse((await browser.send("/cookie")).body);
        equal(cookie.originalMaxAge, 120 * MINUTE);
      },
      more,
    );
  });

  it("a content cannot replace a session's methods", async () => {
    const store = new SessionStorageMemory();
    await served({ store }, async (browser) => {
      await browser.send("/write");
      const { cookie } = await store.getJson("id-1");
      await store.setJson("id-1", {
        cookie,
        views: 1,
        save: "no",
        id: "no",
        req: "no",
        __proto__: { touch: "no" },
      });
      equal((await browser.send("/save")).body, "saved ");
      same(JSON.parse((await browser.send("/ids")).body).slice(0, 2), ["id-1", "id-1"]);
    });
  });

  it("S6_a_storage_that_fails_is_an_error_to_the_application", async () => {
    const memory = new SessionStorageMemory();
    let fails = {};
    const store = {
      ...bare(memory),
      write: (...given) => (fails.write ? Promise.reject(new Error("no disk")) : memory.write(...given)),
      read: (...given) => (fails.read ? Promise.reject(new Error("no disk")) : memory.read(...given)),
    };
    const { errors } = await served({ store }, async (browser) => {
      await browser.send("/write");
      fails = { read: true };
      equal((await browser.send("/read")).status, 500);
      fails = { write: true };
      // Express closes the connection of an answer that is out when it meets an error.
      const { status } = await browser.send("/write", { headers: { connection: "close" } });
      equal(status, 200, "as with express-session");
      fails = {};
      same(await read(browser), { views: 1 });
    });
    same(errors, ["the storage of sessions failed", "the storage of sessions failed"]);
  });

  it("S7_what_is_stored_and_no_session_is_reported_and_replaced", async () => {
    const storage = new SessionStorageMemory();
    const reports = [];
    const storeOptions = { onInvalid: (error) => reports.push(error.code) };
    await served({ store: storage, storeOptions }, async (browser) => {
      await browser.send("/write");
      await storage.set("id-1", "{ torn");
      equal((await browser.send("/write")).body, "views 1");
      await storage.set("id-2", new Uint8Array([0xff]));
      equal((await browser.send("/write")).body, "views 1");
    });
    same(reports, ["ERR_SESSION_CORRUPT", "ERR_SESSION_CORRUPT"]);
  });

  it("what a session cannot hold is told to who ends the response, and the error's answer goes out", async () => {
    const { errors } = await served(
      { store: new SessionStorageMemory() },
      async (browser) => {
        const { status, headers } = await browser.send("/bigint");
        same([status, headers["set-cookie"]], [500, undefined]);
      },
      (app) => {
        app.get("/bigint", (req, res) => {
          req.session.number = 1n;
          res.send("never");
        });
      },
    );
    equal(errors.length, 1);
    matches(errors[0], /BigInt/);
  });

  it("secure: auto holds for the function form too", async () => {
    const cookie = () => ({ secure: "auto", sameSite: "auto" });
    await served({ cookie, proxy: true }, async (browser) => {
      const other = browser.clone();
      matches((await browser.send("/write")).headers["set-cookie"][0], /HttpOnly; SameSite=Lax$/);
      const headers = { "x-forwarded-proto": "HTTPS , http" };
      matches((await other.send("/write", { headers })).headers["set-cookie"][0], /; Secure; SameSite=None$/);
    });
  });

  it("paths outside the cookie's have no session; one that is there already stays", async () => {
    await served({ cookie: { path: "/inner" } }, async (browser) => {
      equal((await browser.send("/read")).body, "no session");
      equal((await browser.send("/read?a=/inner")).body, "no session");
    });
    const own = (req, _res, next) => {
      req.session = { mine: true };
      next();
    };
    const given = { options: QUIET, before: [own], routes: routesOf };
    await servedWith(session, given, async (browser) => same(await read(browser), { mine: true }));
    const twice = (app) => app.use(session({ secret: SECRET, ...QUIET, genid: () => "never" }));
    await served(
      {},
      async (browser) => {
        await browser.send("/write");
        matches(browser.cookie, /id-1/);
      },
      twice,
    );
  });

  it("is for node:http too, and writes the cookie of an answer without Express", async () => {
    const handle = session({ secret: SECRET, ...QUIET });
    const server = http.createServer((req, res) => {
      handle(req, res, () => {
        req.session.views = (req.session.views ?? 0) + 1;
        res.end(`view ${req.session.views}`);
      });
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${server.address().port}`;
    const first = await fetch(origin);
    equal(await first.text(), "view 1");
    const [cookie] = first.headers.getSetCookie()[0].split(";");
    equal(await (await fetch(origin, { headers: { cookie } })).text(), "view 2");
    server.closeAllConnections();
    server.close();
  });

  it("Session, Store, Cookie and MemoryStore are what stores and sessions are made of", async () => {
    const store = new MemoryStore();
    same(
      [store instanceof Store, store instanceof session.Store, session.Session === Session],
      [true, true, true],
    );
    function Old() {
      Store.call(this);
    }
    Object.setPrototypeOf(Old.prototype, Store.prototype);
    const old = new Old();
    let told = "";
    old.on("connect", () => (told = "connected"));
    old.emit("connect");
    equal(told, "connected");
    const cookie = new session.Cookie({ maxAge: 5_000, priority: "low", partitioned: true });
    same([cookie.originalMaxAge, cookie.data.priority, cookie.data.partitioned], [5_000, "low", true]);
  });

  it("the default's session without an age ends after a day without activity", async () => {
    const now = { at: Date.now() };
    const restore = standingClock(now);
    try {
      await served({}, async (browser) => {
        await browser.send("/write");
        for (let visit = 0; visit < 3; visit += 1) {
          now.at += 23 * 60 * MINUTE;
          same(await read(browser), { views: 1 });
        }
        now.at += 24 * 60 * MINUTE;
        same(await read(browser), {});
      });
    } finally {
      restore();
    }
  });

  it("refuses options that make no sense", () => {
    const wrong = [
      { genid: "no function" },
      { unset: "forget" },
      { secret: [] },
      { secret: [""] },
      { secret: SECRET, store: {} },
      { secret: SECRET, compat: "loose" },
      { secret: SECRET, store: new MemoryStore(), storeOptions: {} },
      { secret: SECRET, store: new SessionStorageMemory(), storeOptions: { onConflict: "win" } },
    ];
    for (const [index, options] of wrong.entries()) {
      let code = "nothing";
      try {
        session(options);
      } catch (error) {
        code = error.code;
      }
      equal(code, "ERR_SESSION_INVALID_OPTION", `case ${index}`);
    }
  });
});
