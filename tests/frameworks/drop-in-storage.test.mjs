// The drop-in over storages of sessile.
import expressSession from "express-session";
import session from "sessile/express-session";
import { expressSessionStore } from "sessile/stores";
import { equal, same } from "../package/expect.mjs";
import { QUIET, read, served, servedWith } from "./drop-in.mjs";
import { ACTIONS, routesOf } from "./drop-in-routes.mjs";
import { barrier, counted, describeWithStorages, gate, storageCase } from "./stores.mjs";

const MINUTE = 60_000;

/** Routes that stop in their middle: `/slow/...` are told when all have come, and go on together. */
function slowRoutes(app, state) {
  app.get("/slow/:key", async (req, res) => {
    req.session[req.params.key] = "slow";
    await state.wait();
    res.send("slow");
  });
  app.get("/count", async (req, res) => {
    await state.wait();
    res.json(await req.session.update((stored) => (stored.count = (stored.count ?? 0) + 1)));
  });
}

describeWithStorages("the drop-in over a storage", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("S1_100_parallel_requests_lose_nothing_of_each_other", async (store) => {
    const state = { wait: barrier(100) };
    await served(
      { store },
      async (browser) => {
        await browser.send("/write");
        const sent = Array.from({ length: 100 }, (_, index) => browser.clone().send(`/slow/key${index}`));
        for (const { body } of await Promise.all(sent)) equal(body, "slow");
        equal(Object.keys(await read(browser)).length, 101);
      },
      (app) => slowRoutes(app, state),
    );
  });

  onStorage("S1_100_parallel_updates_count_to_100_beside_what_else_is_changed", async (store) => {
    const state = { wait: barrier(100) };
    const counts = [];
    await served(
      { store },
      async (browser) => {
        await browser.send("/write");
        const sent = Array.from({ length: 100 }, () => browser.clone().send("/count"));
        for (const { body } of await Promise.all(sent)) counts.push(Number(body));
        same(await read(browser), { views: 1, count: 100 });
        const mixed = await browser.send("/update-and-change");
        same(JSON.parse(mixed.body), { views: 1, count: 101, before: "b", after: "a" });
        same(await read(browser), { views: 1, count: 101, before: "b", after: "a" });
      },
      (app) => {
        slowRoutes(app, state);
        app.get("/update-and-change", async (req, res) => {
          req.session.before = "b";
          await req.session.update((stored) => void (stored.count += 1));
          req.session.after = "a";
          const { cookie, ...data } = req.session;
          res.json(data);
        });
      },
    );
    same(
      counts.sort((one, other) => one - other),
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
  });

  for (const [name, end] of [
    ["a change", "/slow/late"],
    ["an explicit save", "/saves"],
    ["nothing but a visit", "/visits"],
  ]) {
    onStorage(`S2_a_logout_sticks_after_${name.replaceAll(" ", "_")}`, async (store) => {
      const [arrived, goes] = [gate(), gate()];
      const state = {
        wait() {
          arrived.open();
          return goes.opened;
        },
      };
      await served(
        { store, cookie: { maxAge: 60 * MINUTE }, resave: true, storeOptions: { touchAfter: 1 } },
        async (browser) => {
          await browser.send("/write");
          const before = browser.clone();
          const slow = browser.clone().send(end);
          await arrived.opened;
          equal((await browser.send("/logout")).body, "out, undefined");
          goes.open();
          equal((await slow).status, 200);
          same(await read(before), {});
        },
        (app) => {
          slowRoutes(app, state);
          app.get("/saves", async (req, res) => {
            await state.wait();
            req.session.late = true;
            await req.session.save();
            res.send("saved");
          });
          app.get("/visits", async (_req, res) => {
            await state.wait();
            res.send("visited");
          });
        },
      );
    });
  }

  onStorage("compat: strict is as express-session: the last wins, and a logout is undone", async (store) => {
    const state = { wait: barrier(2) };
    await served(
      { store, compat: "strict" },
      async (browser) => {
        await browser.send("/write");
        const both = ["one", "other"].map((key) => browser.clone().send(`/slow/${key}`));
        await Promise.all(both);
        equal(Object.keys(await read(browser)).length, 2, "views and one of both");
        const [arrived, goes] = [gate(), gate()];
        state.wait = () => {
          arrived.open();
          return goes.opened;
        };
        const before = browser.clone();
        const slow = browser.clone().send("/slow/late");
        await arrived.opened;
        await browser.send("/logout");
        goes.open();
        await slow;
        equal((await read(before)).late, "slow");
      },
      (app) => slowRoutes(app, state),
    );
  });

  onStorage("a request that changes nothing writes nothing and sets no cookie", async (storage) => {
    const { storage: store, calls } = counted(storage);
    await served({ store, cookie: { maxAge: 60 * MINUTE } }, async (browser) => {
      await browser.send("/write");
      const sets = calls.set;
      for (const path of ["/untouched", "/read", "/untouched", "/write-same"].slice(0, 3)) {
        equal((await browser.send(path)).headers["set-cookie"], undefined, path);
      }
      equal(calls.set, sets);
      equal(calls.touch, undefined, "touches, which are throttled");
    });
  });

  onStorage(
    "what was written is read, with its own cookie, by express-session, and the other way",
    async (storage) => {
      const options = { ...QUIET, cookie: { maxAge: 60 * MINUTE } };
      let cookie;
      await servedWith(
        session,
        { options: { ...options, store: storage }, routes: routesOf },
        async (browser) => {
          await browser.send("/write");
          cookie = browser.cookie;
        },
      );
      const store = expressSessionStore(expressSession, storage);
      await servedWith(
        expressSession,
        { options: { ...options, store }, routes: routesOf },
        async (browser) => {
          const { body } = await browser.send("/write", { headers: { cookie } });
          equal(body, "views 2");
        },
      );
      await servedWith(
        session,
        { options: { ...options, store: storage }, routes: routesOf },
        async (browser) => {
          const { body } = await browser.send("/write", { headers: { cookie } });
          equal(body, "views 3");
        },
      );
    },
  );

  onStorage("all that applications do goes on over it", async (store) => {
    for (const path of Object.keys(ACTIONS)) {
      const { errors } = await served({ store, resave: true }, async (browser) => {
        for (const each of ["/write", path, "/read", path, "/write", "/read"]) {
          const { status } = await browser.send(each);
          if (/throws|error/.test(each)) equal(status, 500, each);
          else if (each === "/missing") equal(status, 404);
          else equal(status < 400, true, `${each}: ${status}`);
        }
      });
      const isExpected = /throws|error/.test(path) ? 2 : 0;
      equal(errors.length, isExpected, `errors at ${path}: ${errors}`);
    }
  });
});
