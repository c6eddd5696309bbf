// How long sessions live, and what becomes of their ids.
import { SessionStorageMemory } from "sessile";
import { equal, matches, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { appOf, request, valueOf, watched } from "./sessions-app.mjs";

const MINUTE = 60_000;

const setCookies = (response) => response.headers.getSetCookie();

describe("a session's life", () => {
  it("is not touched where that could not lengthen it", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const storage = watched({ clock });
    const { client } = appOf(storage, { clock, idleTimeout: "30m", absoluteTimeout: "1h" });
    await client.send((user) => user.set({ name: "Ada" }));
    for (const minutes of [20, 40, 45, 50, 55]) {
      now = 1_000_000 + minutes * MINUTE;
      same(await valueOf(client), { name: "Ada" }, `after ${minutes} minutes`);
    }
    equal(storage.calls.touch, 2);
    now = 1_000_000 + 61 * MINUTE;
    equal(await valueOf(client), undefined);
  });

  it("touch() counts at once", async () => {
    const clock = () => 1_000_000;
    const storage = watched({ clock });
    const { client } = appOf(storage, { clock, idleTimeout: "30m" });
    await client.send((user) => user.set({ name: "Ada" }));
    await client.send((user) => user.touch());
    equal(storage.calls.touch, 1);
  });

  it("S3_an_id_made_and_changed_by_one_request_keeps_the_timeouts_of_the_storage", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const { client } = appOf(new SessionStorageMemory({ clock, idleTimeout: "30m" }), { clock });
    await client.send(async (user) => {
      await user.set({ name: "Ada" });
      await user.commit();
      await user.regenerate();
    });
    same(await valueOf(client), { name: "Ada" });
    now += 31 * MINUTE;
    equal(await valueOf(client), undefined);
  });

  it("S2_an_id_that_was_given_to_another_session_is_not_the_one_that_was_loaded", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const { client, handler } = appOf(new SessionStorageMemory({ clock }), {
      clock,
      generateId: () => "Ada's",
    });
    await client.send((user) => user.set({ login: 1 }));
    const cookieThen = client.cookie;
    await handler(request(cookieThen), async (user) => {
      const value = await user.get();
      await handler(request(cookieThen), (other) => other.clear());
      now += 1;
      await handler(request(), (other) => other.set({ login: 2 }));
      value.late = true;
    });
    same(await valueOf(client), { login: 2 });
  });

  it("S3_an_id_that_is_being_changed_is_no_session_and_nothing_damaged", async () => {
    const reports = [];
    const storage = new SessionStorageMemory();
    const { client, handler } = appOf(storage, {
      onInvalid: (it) => reports.push(it),
      generateId: () => "one",
    });
    await client.send((user) => user.set({ name: "Ada" }));
    await storage.set("one", "");
    const response = await handler(request(client.cookie), async (user) =>
      equal(await user.get(), undefined),
    );
    matches(response.headers.getSetCookie()[0], /^user=; Max-Age=0/);
    equal(reports.length, 0);
  });

  it("S2_logout_works_without_a_load", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    const response = await handler(request(client.cookie), (user) => user.clear());
    matches(response.headers.getSetCookie()[0], /^user=; Max-Age=0/);
    equal((await storage.memory.stats()).sessions, 0);
  });

  it("S2_while_the_storage_cannot_read_logout_ends_what_is_there_and_is_told_to_have_failed", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    storage.instead.get = () => Promise.reject(new Error("down"));
    const logout = handler(request(client.cookie), async (user) => {
      await user.get().catch(() => {});
      // One that fails while the session is ended.
      user.get().catch(() => {});
      await user.clear();
    });
    // It may have had another id by then.
    equal((await rejection(logout)).code, "ERR_SESSION_STORAGE");
    equal((await storage.memory.stats()).sessions, 0);
  });

  it("S2_what_is_stored_in_the_midst_of_a_logout_is_another_session", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    const response = await handler(request(undefined), async (user) => {
      await user.set({ name: "Ada" });
      await Promise.all([user.clear(), user.commit()]);
    });
    same(response.headers.getSetCookie(), []);
    equal((await storage.memory.stats()).sessions, 0);
    await client.send(async (user) => {
      await user.set({ name: "Ada" });
      await Promise.all([user.commit(), user.clear()]);
    });
    equal(client.cookie, undefined);
    equal((await storage.memory.stats()).sessions, 0);
  });

  it("C7_a_touch_comes_when_touchAfter_says_and_a_rolling_cookie_goes_with_it", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const storage = watched({ clock });
    const options = { clock, idleTimeout: "1h", touchAfter: "10m", rolling: true };
    const { client } = appOf(storage, options);
    await client.send((user) => user.set({ n: 1 }));
    const look = async () => setCookies(await client.send((user) => user.get()));
    now += 10 * 60_000 - 1;
    same(await look(), []);
    equal(storage.calls.touch, undefined);
    now += 1;
    matches((await look())[0], /^user=[\w-]{43}; Max-Age=3600;/);
    equal(storage.calls.touch, 1);
    same(await look(), []);
    now += 59 * 60_000;
    same(await valueOf(client), { n: 1 });
  });

  it("S3_a_login_after_clear_has_another_id_and_none_of_the_old_data", async () => {
    const { client } = appOf();
    await client.send((user) => user.set({ name: "Ada", secret: 1 }));
    const before = client.cookie;
    await client.send(async (user) => {
      await user.clear();
      equal(user.isNew, true);
      await user.set({ name: "Bob" });
    });
    equal(client.cookie === before, false);
    same(await valueOf(client), { name: "Bob" });
  });

  it("an object that contains itself is told from one that is deep", async () => {
    const { client } = appOf();
    const cycle = { list: [] };
    cycle.list.push(cycle);
    await client.send(async (user) => {
      matches((await rejection(user.set(cycle))).message, /contains itself/);
      const shared = { n: 1 };
      await user.set({ one: shared, other: shared });
    });
    same(await valueOf(client), { one: { n: 1 }, other: { n: 1 } });
  });
});
