// What sessions() promises, S1 to S7, by requests and responses without a server.
import {
  CacheStorage,
  DirectoryStorage,
  SealedStorage,
  SessionStorageMemory,
  Signer,
  cookie,
  header,
  sessions,
} from "sessile";
import { equal, matches, rejection, same } from "./expect.mjs";
import { fs, makeFolder } from "./folders.mjs";
import { together } from "./gates.mjs";
import { describe, it } from "./harness.mjs";
import { threeMethods } from "./own-storage.mjs";
import { Client, appOf, gate, request, seeded, valueOf, watched } from "./sessions-app.mjs";

const NEW = "the newest secret, of 32 or more bytes";
const OLD = "the older secret, of 32 or more bytes";

const places = {
  "in memory": () => new SessionStorageMemory(),
  "in a cache before memory": () => new CacheStorage(new SessionStorageMemory()),
  "sealed in memory": () => new SealedStorage(new SessionStorageMemory(), { keys: [NEW] }),
  ...(fs && { "in a folder": () => new DirectoryStorage(makeFolder()) }),
  "in a storage that says no more than it must": () => ({
    ...threeMethods(),
    capabilities: { conditional: true },
  }),
};

for (const [place, make] of Object.entries(places)) {
  describe(`sessions ${place}`, () => {
    it("S1_200_parallel_requests_add_200_keys", async () => {
      const { client, handler } = appOf(make());
      await client.send((user) => user.set({ first: true }));
      const loaded = together(200);
      const one = (index) =>
        handler(request(client.cookie), async (user) => {
          const value = await user.get();
          await loaded();
          value[`key ${index}`] = index;
        });
      await Promise.all(Array.from({ length: 200 }, (_, index) => one(index)));
      const value = await valueOf(client);
      equal(Object.keys(value).length, 201, "keys");
      for (let index = 0; index < 200; index += 1) equal(value[`key ${index}`], index);
    });

    it("S1_200_parallel_updates_count_to_200", async () => {
      const { client, handler } = appOf(make());
      await client.send((user) => user.set({ count: 0 }));
      const loaded = together(200);
      const one = () =>
        handler(request(client.cookie), async (user) => {
          await user.get();
          await loaded();
          await user.update(({ count }) => ({ count: count + 1 }));
        });
      await Promise.all(Array.from({ length: 200 }, one));
      same(await valueOf(client), { count: 200 });
    });

    it("S2_a_logout_among_slow_requests_is_final", async () => {
      const random = seeded(4);
      for (let round = 0; round < 20; round += 1) {
        const storage = make();
        const { client, handler } = appOf(storage);
        await client.send((user) => user.set({ round }));
        const logoutAt = Math.floor(random() * 10);
        const turns = Array.from({ length: 10 }, () => Math.floor(random() * 40));
        const slow = turns.map((wait, index) =>
          handler(request(client.cookie), async (user) => {
            if (index === logoutAt) return void (await user.clear());
            const value = await user.get();
            for (let turn = 0; turn < wait; turn += 1) await undefined;
            if (value === undefined) return;
            if (index % 3 === 0) value[index] = true;
            else if (index % 3 === 1) await user.update((old) => ({ ...old, [index]: true })).catch(() => {});
            else await user.regenerate();
          }),
        );
        await Promise.all(slow);
        equal(await valueOf(new Client(handler)), undefined);
        equal(await valueOf(client), undefined, "the session of the old cookie");
      }
    });
  });
}

describe("sessions", () => {
  it("S1_what_both_changed_is_as_the_last_has_it_and_all_else_is_kept", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.set({ both: 0, gone: 1, deep: { mine: 0, theirs: 0 }, list: [1] }));
    await handler(request(client.cookie), async (user) => {
      const value = await user.get();
      await handler(request(client.cookie), async (other) => {
        const theirs = await other.get();
        Object.assign(theirs, { both: "theirs", added: true, list: [1, 2] });
        theirs.deep.theirs = 1;
      });
      value.both = "mine";
      delete value.gone;
      value.deep.mine = 1;
    });
    same(await valueOf(client), { both: "mine", deep: { mine: 1, theirs: 1 }, list: [1, 2], added: true });
  });

  it("S1_set_and_update_are_made_again_in_their_order", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.set({ count: 1, own: 0 }));
    await handler(request(client.cookie), async (user) => {
      await user.update((value) => ({ ...value, count: value.count + 1 }));
      await handler(request(client.cookie), (other) => other.update((value) => ({ ...value, count: 10 })));
      const value = await user.get();
      value.own = "mine";
      await user.update((now) => ({ ...now, count: now.count * 2 }));
    });
    same(await valueOf(client), { count: 22, own: "mine" });
  });

  it("S1_an_update_that_throws_changes_nothing", async () => {
    const { client } = appOf();
    await client.send((user) => user.set({ count: 1 }));
    await client.send(async (user) => {
      const failing = user.update((value) => {
        value.count = 2;
        throw new Error("of the function");
      });
      equal((await rejection(failing)).message, "of the function");
    });
    same(await valueOf(client), { count: 1 });
  });

  it("S1_a_change_during_a_commit_is_stored_by_the_next_and_only_once", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ count: 0 }));
    await handler(request(client.cookie), async (user) => {
      await user.update(({ count }) => ({ count: count + 1 }));
      await handler(request(client.cookie), (other) => other.update(({ count }) => ({ count: count + 10 })));
      const waits = gate();
      const reached = gate();
      storage.instead.get = async (id) => {
        reached.open();
        await waits.opened;
        return storage.memory.get(id);
      };
      const committed = user.commit();
      await reached.opened;
      await user.update(({ count }) => ({ count: count + 100 }));
      waits.open();
      equal(await committed, "written");
    });
    same(await valueOf(client), { count: 111 });
  });

  it("S1_onConflict_error_rejects_and_overwrite_does_not_merge", async () => {
    for (const onConflict of ["error", "overwrite"]) {
      const { client, handler } = appOf(undefined, { onConflict });
      await client.send((user) => user.set({ first: 1 }));
      const slow = handler(request(client.cookie), async (user) => {
        const value = await user.get();
        await handler(request(client.cookie), (other) => other.set({ theirs: 1 }));
        value.mine = 1;
      });
      if (onConflict === "error") {
        equal((await rejection(slow)).code, "ERR_SESSION_CONFLICT");
        same(await valueOf(client), { theirs: 1 });
      } else {
        await slow;
        same(await valueOf(client), { first: 1, mine: 1 });
      }
    }
  });

  it("S1_a_storage_without_conditions_can_only_overwrite", async () => {
    const plain = threeMethods();
    for (const onConflict of [undefined, "merge", "error"]) {
      const error = await rejection((async () => cookie("user", plain, { onConflict }))());
      equal(error.code, "ERR_SESSION_INVALID_OPTION");
    }
    const { client } = appOf(plain, { onConflict: "overwrite" });
    await client.send((user) => user.set({ kept: 1 }));
    same(await valueOf(client), { kept: 1 });
  });

  it("S2_logout_racing_100_slow_requests_1000_rounds_never_comes_back", async () => {
    const random = seeded(17);
    const works = [
      async (user, value, index) => void (value[index] = true),
      (user, _, index) => user.update((value) => ({ ...value, [index]: true })),
      (user) => user.touch(),
      (user, _, index) => user.tag(`tag ${index}`),
      (user) => user.regenerate(),
    ];
    let came = 0;
    let changed = 0;
    for (let round = 0; round < 1_000; round += 1) {
      const storage = new SessionStorageMemory({ idleTimeout: "1h" });
      const { client, handler } = appOf(storage, { tags: ["all"] });
      await client.send((user) => user.set({ round }));
      const cookieThen = client.cookie;
      const slow = Array.from({ length: 100 }, async (_, index) => {
        for (let turn = Math.floor(random() * 30); turn > 0; turn -= 1) await undefined;
        return handler(request(cookieThen), async (user) => {
          const value = await user.get();
          for (let turn = Math.floor(random() * 60); turn > 0; turn -= 1) await undefined;
          if (value === undefined) return;
          changed += 1;
          // Of one that has been ended in this very moment there is nothing to change.
          await works[index % works.length](user, value, index).catch(() => {});
        });
      });
      for (let turn = Math.floor(random() * 60); turn > 0; turn -= 1) await undefined;
      await handler(request(cookieThen), (user) => user.clear());
      await Promise.all(slow);
      // An id that was given up is known for a minute, but carries no tag.
      for await (const _ of storage.listTagged("all")) came += 1;
    }
    equal(came, 0, "sessions that came back");
    equal(changed > 10_000, true, `${changed} requests had the session`);
  });

  it("S2_a_commit_after_the_logout_says_so_and_removes_the_cookie", async () => {
    const events = [];
    const { client, handler } = appOf(undefined, { onEvent: ({ type }) => events.push(type) });
    await client.send((user) => user.set({ name: "Ada" }));
    const response = await handler(request(client.cookie), async (user) => {
      const value = await user.get();
      await handler(request(client.cookie), (other) => other.clear());
      value.late = true;
      equal(await user.commit(), "ended");
      equal(await user.get(), undefined);
      equal((await rejection(user.set({ again: 1 }))).code, "ERR_SESSION_NOT_FOUND");
      equal(await user.commit(), "ended");
    });
    matches(response.headers.getSetCookie()[0], /^user=; Max-Age=0; /);
    same(events, ["created", "invalidated", "conflict", "ended"]);
  });

  it("S2_a_session_that_regenerates_during_a_logout_is_ended", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    await handler(request(client.cookie), async (user) => {
      await user.regenerate();
      await handler(request(client.cookie), (other) => other.clear());
    });
    equal((await storage.memory.stats()).sessions, 0);
  });

  it("S3_an_id_that_is_not_ours_is_never_adopted", async () => {
    for (const options of [{}, { secrets: [NEW] }]) {
      const { handler } = appOf(undefined, options);
      for (const chosen of ["chosen", "s:chosen.AAAA", "x".repeat(2000), "%E0%A4%A", "__proto__", "ö"]) {
        let id;
        const response = await handler(request(`user=${chosen}`), async (user) => {
          equal(await user.get(), undefined);
          await user.set({ name: "Ada" });
          await user.commit();
          id = user.id;
        });
        matches(id, /^[\w-]{43}$/, "id");
        equal(id.includes(chosen), false);
        equal(response.headers.getSetCookie().length, 1);
      }
      const stale = await handler(request("user=chosen"), async (user) => void (await user.get()));
      matches(stale.headers.getSetCookie()[0], /^user=; Max-Age=0; Expires=Thu, 01 Jan 1970/);
    }
  });

  it("S3_regenerate_keeps_the_data_and_what_others_write_and_the_old_id_is_dead", async () => {
    const { client, handler, storage } = appOf();
    await client.send((user) => user.set({ cart: [1] }));
    const before = client.cookie;
    await client.send(async (user) => {
      await user.regenerate();
      const value = await user.get();
      value.name = "Ada";
      await handler(request(before), (other) => other.update((old) => ({ ...old, theirs: true })));
    });
    equal(client.cookie === before, false, "the cookie is the old one");
    same(await valueOf(client), { cart: [1], theirs: true, name: "Ada" });
    const fixed = new Client(handler);
    fixed.cookie = before;
    equal(await valueOf(fixed), undefined);
    // What is left under the old id says that the session has moved, and no more.
    equal((await storage.stats()).sessions, 2);
  });

  it("S3_another_id_gives_no_longer_life", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const { client } = appOf(new SessionStorageMemory({ clock }), { clock, absoluteTimeout: "1h" });
    await client.send((user) => user.set({ kept: 1 }));
    now += 50 * 60_000;
    const response = await client.send((user) => user.regenerate());
    matches(response.headers.getSetCookie()[0], /; Max-Age=600; /);
    now += 11 * 60_000;
    equal(await valueOf(client), undefined);
  });

  it("S5_the_newest_secret_signs_all_verify_and_an_older_is_replaced", async () => {
    const storage = new SessionStorageMemory();
    const old = appOf(storage, { secrets: [OLD] });
    await old.client.send((user) => user.set({ name: "Ada" }));
    const both = appOf(storage, { secrets: [NEW, OLD] });
    both.client.cookie = old.client.cookie;
    same(await valueOf(both.client), { name: "Ada" });
    const ticket = decodeURIComponent(both.client.cookie.slice("user=".length));
    equal(new Signer([NEW]).verify(ticket)?.length, 43);
    equal(new Signer([OLD]).verify(ticket), undefined);
    const tampered = new Client(both.handler);
    tampered.cookie = both.client.cookie.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    equal(await valueOf(tampered), undefined);
  });

  it("what JSON cannot carry is refused when it is set", async () => {
    const { client } = appOf();
    const cycle = {};
    cycle.self = cycle;
    const deep = Array.from({ length: 5000 }).reduce((within) => [within], 1);
    const bad = [
      undefined,
      () => {},
      Symbol("s"),
      1n,
      NaN,
      cycle,
      deep,
      new Date(0),
      new Map(),
      [undefined],
      /x/,
    ];
    await client.send(async (user) => {
      for (const value of bad) {
        for (const within of [value, { key: value }]) {
          if (within?.key === undefined && within !== value) continue;
          const error = await rejection(user.set(within));
          equal(error.code, "ERR_SESSION_INVALID_OPTION", String(typeof value));
        }
      }
      await user.set({ left: undefined, kept: [null, "x", 1.5, true] });
    });
    same(await valueOf(client), { kept: [null, "x", 1.5, true] });
    const mutated = client.send(async (user) => void ((await user.get()).big = 1n));
    equal((await rejection(mutated)).code, "ERR_SESSION_INVALID_OPTION");
  });

  it("keys such as __proto__ and constructor are data", async () => {
    const { client, handler } = appOf();
    const evil = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"n":0}';
    await client.send((user) => user.set(JSON.parse(evil)));
    await handler(request(client.cookie), async (user) => {
      const value = await user.get();
      await handler(request(client.cookie), (other) =>
        other.set(JSON.parse(evil.replace('"admin":true', '"admin":true,"theirs":1'))),
      );
      value.n = 1;
    });
    const value = await valueOf(client);
    equal({}.admin, undefined);
    equal(value.admin, undefined);
    equal(value.n, 1);
    same(Object.getOwnPropertyDescriptor(value, "__proto__").value, { admin: true, theirs: 1 });
  });

  it("a request that does not ask costs no call, one that reads costs one", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    for (const method of Object.keys(storage.calls)) delete storage.calls[method];
    const plain = await handler(request(client.cookie));
    same([storage.calls, plain.headers.getSetCookie(), plain.headers.get("cache-control")], [{}, [], null]);
    const read = await handler(request(client.cookie), async (user) => {
      await Promise.all([user.get(), user.get()]);
      await user.set({ name: "Ada" });
    });
    same([storage.calls, read.headers.getSetCookie()], [{ get: 1 }, []]);
    const none = await handler(request(undefined), async (user) => void (await user.get()));
    same([storage.calls, none.headers.getSetCookie()], [{ get: 1 }, []]);
  });

  it("touches what is read, but not each time", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const storage = watched({ clock });
    const { client } = appOf(storage, { clock, idleTimeout: "30m", rolling: true });
    const made = await client.send((user) => user.set({ name: "Ada" }));
    matches(made.headers.getSetCookie()[0], /; Max-Age=1800; /);
    for (let minute = 0; minute < 60; minute += 10) {
      now += 10 * 60_000;
      same(await valueOf(client), { name: "Ada" });
      same(await valueOf(client), { name: "Ada" });
    }
    equal(storage.calls.touch, 6);
    equal(storage.calls.set, 1);
    now += 31 * 60_000;
    equal(await valueOf(client), undefined);
  });

  it("several sessions of one request are independent", async () => {
    const storage = new SessionStorageMemory();
    const app = sessions({ user: cookie("user", storage), api: header("X-Session", storage) });
    const work = app.fetch(async (given, { user, api }) => {
      await user.set({ is: "user" });
      await api.set({ is: "api" });
      equal(app.of(given).user, user);
      return new Response();
    });
    const response = await work(request());
    const [pair] = response.headers.getSetCookie()[0].split(";", 1);
    const ticket = response.headers.get("x-session");
    const seen = [];
    const read = app.fetch(async (_, { user, api }) => {
      seen.push(await user.get(), await api.get());
      await api.clear();
      return new Response();
    });
    const ended = await read(request(pair, undefined, { "x-session": ticket }));
    same(seen, [{ is: "user" }, { is: "api" }]);
    equal(ended.headers.get("x-session"), "");
    equal((await storage.stats()).sessions, 1);
  });

  it("tags are found by revokeAll, also those of another request", async () => {
    const { app, client, handler } = appOf(undefined, { tags: ["all"] });
    await client.send((user) => user.set({ name: "Ada" }));
    await handler(request(client.cookie), async (user) => {
      await user.tag("user 1");
      await handler(request(client.cookie), (other) => other.tag("user 2"));
    });
    equal(await app.revokeAll("user 2"), 1);
    equal(await app.revokeAll("all"), 0);
    equal(await valueOf(client), undefined);
  });

  it("S1_what_is_changed_after_a_commit_that_merged_is_stored_too", async () => {
    const { client, handler } = appOf();
    const first = {
      list: [1, { n: 1 }],
      cart: { a: { items: 1 } },
      gone: true,
      same: "s",
      ["__proto__"]: { p: 1 },
    };
    await client.send((user) => user.set(first));
    await client.send(async (user) => {
      const mine = await user.get();
      const { cart } = mine;
      mine.mine = 1;
      await handler(request(client.cookie), async (other) => {
        const theirs = await other.get();
        delete theirs.gone;
        theirs.cart.b = { items: 2 };
        theirs.list = [1, { n: 2 }, 3];
        theirs.list[1].m = [];
        theirs["__proto__"].q = 2;
      });
      equal(await user.commit(), "written");
      const fresh = await user.get();
      same([fresh.gone, fresh.mine, fresh.cart.b], [undefined, 1, { items: 2 }], "what both have made");
      equal(await user.commit(), "unchanged");
      mine.later = 2;
      cart.c = { items: 3 };
      fresh.cart.d = { items: 4 };
      same(Object.keys((await user.get()).cart), ["a", "b", "d"], "until it is committed");
      equal(await user.commit(), "written");
      mine.last = 3;
      fresh.last_too = 4;
    });
    const last = await valueOf(client);
    same(Object.keys(last.cart).toSorted(), ["a", "b", "c", "d"]);
    same(last.list, [1, { n: 2, m: [] }, 3]);
    same(
      [last.mine, last.later, last.last, last.last_too, last.gone, last.same],
      [1, 2, 3, 4, undefined, "s"],
    );
    same(Object.getOwnPropertyDescriptor(last, "__proto__").value, { p: 1, q: 2 });
  });

  it("S1_what_is_given_to_a_session_is_never_changed_by_it", async () => {
    const [begin, nested, made] = [{ cart: {} }, { items: 1 }, { of: "everybody" }];
    for (const use of [
      (user) => user.set(begin),
      (user) => user.update(() => begin),
      async (user) => {
        (await user.get()).nested = nested;
      },
      (user) => user.update((value) => ({ ...value, made })),
    ]) {
      const { client, handler } = appOf();
      await client.send((user) => user.set({ started: true }));
      await client.send(async (user) => {
        await use(user);
        await handler(request(client.cookie), async (other) => {
          const theirs = await other.get();
          Object.assign(theirs, { cart: { b: 2 }, nested: { secret: 1 }, made: { secret: 1 }, theirs: 1 });
        });
        await user.commit();
        await user.update((value) => ({ ...value, again: 1 }));
        await user.commit();
      });
      equal((await valueOf(client)).again, 1);
      same([begin, nested, made], [{ cart: {} }, { items: 1 }, { of: "everybody" }]);
    }
  });

  it("S1_a_value_that_cannot_be_changed_loses_nothing_of_what_others_wrote", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.set({ deep: { a: 1 } }));
    await client.send(async (user) => {
      await user.update(({ deep }) => Object.freeze({ deep: Object.freeze({ ...deep, mine: 1 }) }));
      await handler(request(client.cookie), (other) =>
        other.update(({ deep }) => ({ deep: { ...deep, theirs: 1 } })),
      );
      equal(await user.commit(), "written");
      await user.update(({ deep }) => ({ deep: { ...deep, last: 1 } }));
    });
    const { deep } = await valueOf(client);
    same(Object.keys(deep).toSorted(), ["a", "last", "mine", "theirs"]);
  });

  it("getOrSet makes a value only where there is none", async () => {
    const { client } = appOf();
    let made = 0;
    const make = async () => ({ made: (made += 1) });
    await client.send(async (user) => same(await user.getOrSet(make), { made: 1 }));
    await client.send(async (user) => same(await user.getOrSet(make), { made: 1 }));
    equal(made, 1);
  });
});
