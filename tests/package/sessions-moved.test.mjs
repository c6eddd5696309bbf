// What becomes of requests that come with an id that their session has just given up.
import { SessionError, SessionStorageMemory } from "sessile";
import { equal, matches, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { ownStorage } from "./own-storage.mjs";
import { Client, appOf, gate, request, valueOf, watched } from "./sessions-app.mjs";

const setCookies = (response) => response.headers.getSetCookie();

/** An application whose client has logged in under a new id, and the cookie that it had before. */
async function loggedIn(options = {}, storage = new SessionStorageMemory(options)) {
  const events = [];
  const made = appOf(storage, { ...options, onEvent: ({ type }) => events.push(type) });
  await made.client.send((user) => user.set({ cart: [1] }));
  const before = made.client.cookie;
  await made.client.send(async (user) => {
    await user.regenerate();
    await user.update((value) => ({ ...value, name: "Ada" }));
  });
  events.length = 0;
  return { ...made, before, events };
}

describe("sessions, given another id", () => {
  it("S3_a_late_request_has_no_session_and_takes_no_cookie_from_the_client", async () => {
    const { handler, before, events } = await loggedIn();
    const late = await handler(request(before), async (user) => equal(await user.get(), undefined));
    same([setCookies(late), events], [[], ["moved"]]);
  });

  it("S3_what_a_late_request_sets_is_dropped_whenever_it_has_loaded", async () => {
    const { handler, client, before, events } = await loggedIn();
    const late = await handler(request(before), async (user) => {
      await user.update((value) => ({ visits: (value?.visits ?? 0) + 1 }));
      equal(await user.commit(), "ended");
    });
    same([setCookies(late), events], [[], ["moved", "ended"]]);
    same(await valueOf(client), { cart: [1], name: "Ada" });

    const again = client.cookie;
    const [loaded, moved] = [gate(), gate()];
    const early = handler(request(again), async (user) => {
      await user.update((value) => ({ ...value, late: true }));
      loaded.open();
      await moved.opened;
      equal(await user.commit(), "ended");
    });
    await loaded.opened;
    await client.send((user) => user.regenerate());
    moved.open();
    same(setCookies(await early), []);
    same(await valueOf(client), { cart: [1], name: "Ada" });
  });

  it("S3_a_late_request_that_logs_in_itself_gets_a_session_of_its_own", async () => {
    for (const begin of ["regenerate", "clear"]) {
      const { handler, before, client } = await loggedIn();
      const other = new Client(handler);
      other.cookie = before;
      await other.send(async (user) => {
        await user[begin]();
        await user.set({ name: "Bob" });
      });
      same(await valueOf(other), { name: "Bob" });
      equal(other.cookie === client.cookie, false);
    }
  });

  it("S3_a_session_that_has_got_another_id_can_be_changed_further_in_the_same_request", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const { client, handler } = appOf(new SessionStorageMemory({ clock }), { clock });
    await client.send((user) => user.set({ n: 0 }));
    now += 1_000;
    await client.send(async (user) => {
      await user.regenerate();
      equal(await user.commit(), "written");
      const other = request(`user=${user.id}`);
      await user.update(({ n, ...rest }) => ({ ...rest, n: n + 1 }));
      await handler(other, (same) => same.update((value) => ({ ...value, theirs: true })));
      equal(await user.commit(), "written");
      await user.regenerate();
      equal(await user.commit(), "written");
      await user.update((value) => ({ ...value, last: true }));
    });
    same(await valueOf(client), { theirs: true, n: 1, last: true });
  });

  it("S3_an_old_id_brings_nobody_in", async () => {
    const { handler, before, storage } = await loggedIn();
    const id = before.slice("user=".length);
    const text = new TextDecoder().decode((await storage.get(id)).data);
    matches(text, /^moved:[\w.-]+$/);
    equal(text.includes("Ada"), false);
    for (const what of ["touch", "get", "flashes"]) {
      const attacker = new Client(handler);
      attacker.cookie = before;
      await attacker.send((user) => user[what]("info"));
      equal(await valueOf(attacker), undefined);
    }
  });

  it("S3_an_id_is_known_to_have_moved_for_a_minute", async () => {
    let now = 1_000_000;
    const { handler, before, storage } = await loggedIn({ clock: () => now, idleTimeout: "1h" });
    const look = async () =>
      setCookies(await handler(request(before), async (user) => void (await user.get())));
    now += 59_999;
    same(await look(), []);
    now += 1;
    matches((await look())[0], /^user=; Max-Age=0/);
    await storage.sweep();
    equal((await storage.stats()).sessions, 1);
  });

  it("S3_no_tag_finds_what_an_id_has_left_behind", async () => {
    const { app, storage, client } = await loggedIn({ tags: ["Ada"] });
    const listed = [];
    for await (const info of storage.listTagged("Ada")) listed.push(info);
    equal(listed.length, 1);
    equal(await app.revokeAll("Ada"), 1);
    equal(await valueOf(client), undefined);
  });

  it("S2_a_late_logout_with_the_old_id_ends_the_session_where_it_is", async () => {
    for (const moves of [0, 1, 3]) {
      const { handler, before, client, storage, events } = await loggedIn();
      for (let move = 0; move < moves; move += 1) await client.send((user) => user.regenerate());
      events.length = 0;
      const late = await handler(request(before), (user) => user.clear());
      equal(await valueOf(client), undefined);
      equal((await storage.stats()).sessions, 0);
      matches(setCookies(late)[0], /^user=; Max-Age=0/);
      await handler(request(before), (user) => user.clear());
      equal(events.filter((type) => type === "invalidated").length, 1);
    }
  });

  it("S2_a_logout_of_which_nobody_knows_where_the_session_is_by_now_is_an_error", async () => {
    const storage = watched();
    const { handler, before, client } = await loggedIn({}, storage);
    storage.instead.get = () => Promise.reject(new Error("down"));
    const error = await rejection(handler(request(before), (user) => user.clear()));
    equal(error.code, "ERR_SESSION_STORAGE");
    storage.instead = {};
    same(await valueOf(client), { cart: [1], name: "Ada" });
  });

  it("S2_a_logout_counts_where_there_is_no_room_to_write", async () => {
    for (const from of ["before", "now"]) {
      const storage = watched();
      const made = await loggedIn({}, storage);
      const { handler, client } = made;
      const cookie = from === "now" ? client.cookie : made.before;
      storage.instead.set = () =>
        Promise.reject(new SessionError("ERR_SESSION_QUOTA", "the disk is full, for a test"));
      await handler(request(cookie), async (user) => {
        await user.get();
        await user.clear();
      });
      storage.instead = {};
      equal(await valueOf(client), undefined);
    }
  });

  it("C13_revokeAll_finds_a_session_that_is_just_then_given_another_id", async () => {
    const storage = revocable();
    const tag = "a long name of many letters, such as \u{1f600} ".repeat(20);
    const { app, handler, client } = await loggedIn({ tags: [tag, "all"] }, storage);
    for (let moves = 0; moves < 3; moves += 1) {
      const [listed, go] = [gate(), gate()];
      storage.betweenListAndEnd = async () => {
        storage.betweenListAndEnd = undefined;
        listed.open();
        await go.opened;
      };
      const revoked = app.revokeAll(moves === 1 ? tag : "all");
      await listed.opened;
      for (let move = 0; move < moves; move += 1) await client.send((user) => user.regenerate());
      go.open();
      equal(await revoked, 1);
      equal(await valueOf(client), undefined);
      await handler(request(undefined), (user) => user.set({ name: "Ada" })).then((response) => {
        keepCookie(client, response);
      });
    }
    equal(await app.revokeAll("all"), 1);
    equal(await app.revokeAll("all"), 0);
  });

  it("C13_revokeAll_gives_up_when_sessions_never_keep_an_id", async () => {
    const storage = revocable();
    const { app, client } = await loggedIn({ tags: ["Ada"] }, storage);
    storage.betweenListAndEnd = () => client.send((user) => user.regenerate());
    equal((await rejection(app.revokeAll("Ada"))).code, "ERR_SESSION_CONFLICT");
    storage.betweenListAndEnd = undefined;
    equal(await app.revokeAll("Ada"), 1);
    equal(await valueOf(client), undefined);
  });

  it("S2_a_logout_with_the_old_id_after_one_with_the_new_ends_nothing_more", async () => {
    const { handler, before, client, events, storage } = await loggedIn();
    await client.send((user) => user.clear());
    await handler(request(before), (user) => user.clear());
    same(events, ["invalidated"]);
    equal((await storage.stats()).sessions, 0);
  });

  it("S2_a_logout_sticks_wherever_a_change_of_the_id_meets_it", async () => {
    // At each call that the one makes of the storage, the other is let through.
    for (const slow of ["regenerate", "clear"]) {
      for (let stop = 1; stop <= 6; stop += 1) {
        const storage = watched();
        const { client, handler } = appOf(storage);
        await client.send((user) => user.set({ name: "Ada" }));
        const before = client.cookie;
        const [reached, go] = [gate(), gate()];
        let calls = 0;
        for (const method of ["get", "set", "invalidate"]) {
          storage.instead[method] = async (...given) => {
            calls += 1;
            if (calls === stop) {
              reached.open();
              await go.opened;
            }
            return storage.memory[method](...given);
          };
        }
        const fast = slow === "clear" ? "regenerate" : "clear";
        const first = client.send((user) => user[slow]()).finally(reached.open);
        await reached.opened;
        calls = stop;
        await handler(request(before), (user) => user[fast]()).then((response) => {
          if (fast === "regenerate") keepCookie(client, response);
        });
        go.open();
        await first;
        storage.instead = {};
        const left = [...new Set([before, client.cookie])].filter((cookie) => cookie !== undefined);
        for (const cookie of left) {
          const looking = new Client(handler);
          looking.cookie = cookie;
          equal(await valueOf(looking), undefined, `${slow} stopped at call ${stop}`);
        }
      }
    }
  });

  it("S3_a_rolling_cookie_of_the_old_id_is_not_sent_once_that_is_given_up", async () => {
    let now = 1_000_000;
    const { handler, client, before } = await loggedIn({
      clock: () => now,
      idleTimeout: "1h",
      rolling: true,
    });
    equal(before === client.cookie, false);
    const then = client.cookie;
    now += 10 * 60_000;
    const late = await handler(request(then), async (user) => {
      await user.get();
      await client.send((other) => other.regenerate());
    });
    same(setCookies(late), []);
    same(await valueOf(client), { cart: [1], name: "Ada" });
  });

  it("S1_one_whose_storage_hangs_holds_up_nobody_else_for_long", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ count: 0 }));
    const add = (value) => ({ count: value.count + 1 });
    const stuck = gate();
    // Four load the same; one writes, three queue up, and the first of those never hears of its storage again.
    const loaded = gate();
    let loads = 0;
    storage.instead.get = async (id) => {
      loads += 1;
      const mine = loads;
      const found = await storage.memory.get(id);
      if (mine === 4) loaded.open();
      if (mine <= 4) await loaded.opened;
      if (mine === 5) await stuck.opened;
      return found;
    };
    const all = [1, 2, 3, 4].map(() => handler(request(client.cookie), (user) => user.update(add)));
    let ended = 0;
    for (const one of all) one.then(() => (ended += 1));
    const three = new Promise((resolve) => {
      for (const one of all) one.then(() => ended === 3 && resolve());
    });
    await three;
    equal(ended, 3);
    stuck.open();
    await Promise.all(all);
    storage.instead = {};
    same(await valueOf(client), { count: 4 });
  });
});

/** A storage that ends those of a tag one after another, as all do but the one in memory. */
function revocable() {
  const storage = ownStorage();
  const ids = new Set();
  const { set } = storage;
  storage.set = (id, ...rest) => set(ids.add(id) && id, ...rest);
  storage.invalidateTagged = async (tag) => {
    const carries = async (id) => (await storage.info(id))?.tags.includes(tag) === true;
    const listed = [];
    for (const id of ids) if (await carries(id)) listed.push(id);
    await storage.betweenListAndEnd?.();
    let count = 0;
    for (const id of listed) if ((await carries(id)) && (await storage.invalidate(id))) count += 1;
    return count;
  };
  return storage;
}

function keepCookie(client, response) {
  const [line] = setCookies(response);
  if (line !== undefined) client.cookie = /; Max-Age=0;/.test(line) ? undefined : line.split(";", 1)[0];
}
