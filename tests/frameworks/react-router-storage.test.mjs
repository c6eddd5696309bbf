import { createCookie, createMemorySessionStorage, isSession } from "react-router";
import { SessionStorageMemory, Signer } from "sessile";
import { createSessionStorage } from "sessile/react-router";
import { equal, matches, rejection, same } from "../package/expect.mjs";
import { gate } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";
import { watching } from "../package/watching.mjs";

const SECRETS = ["the newest secret of this application"];

/** The Cookie header of a browser that got this Set-Cookie header, and none where that took it away. */
const cookieOf = (line) => (/; Max-Age=0;/.test(line) ? null : line.split(";", 1)[0]);

function storageWith(cookie = {}, options = {}, memory = {}) {
  const storage = watching(new SessionStorageMemory(memory));
  return { storage, ...createSessionStorage({ cookie, storage, ...options }) };
}

/** The data of the session that a Cookie header is of. */
const dataOf = async ({ getSession }, header) => (await getSession(header)).data;

/** Begins a session that holds `data`; answers its Cookie header. */
async function begun({ getSession, commitSession }, data, options) {
  const session = await getSession();
  for (const [name, value] of Object.entries(data)) session.set(name, value);
  return cookieOf(await commitSession(session, options));
}

describe("React Router's createSessionStorage", () => {
  it("its sessions do as React Router's own", async () => {
    const ours = storageWith();
    const theirs = createMemorySessionStorage({ cookie: { secrets: SECRETS } });
    const [one, other] = await Promise.all(
      [ours, theirs].map(async ({ getSession, commitSession }) => {
        const seen = [];
        // Theirs hands out what it keeps, and not a copy.
        const saw = (...values) => seen.push(...values.map((value) => structuredClone(value)));
        const session = await getSession(null);
        saw(isSession(session), session.id, session.data, session.get("none"), session.has("none"));
        session.set("user", { name: "Ada", roles: ["admin"] });
        session.flash("message", "Hello");
        session.set("gone", 1);
        session.unset("gone");
        saw(session.has("message"), session.has("gone"), session.data);
        const first = await getSession(cookieOf(await commitSession(session)));
        saw(first.id !== "", first.get("message"), first.get("message"), first.has("message"));
        first.get("user").roles.push("author");
        first.flash("user", "a flash of a name that is set");
        first.unset("none");
        const second = await getSession(cookieOf(await commitSession(first)));
        saw(second.data, second.get("user"), second.has("message"));
        const { get, set } = second;
        set("free", get("user").name);
        saw(second.data);
        return seen;
      }),
    );
    same(one, other);
  });

  it("S1_parallel_commits_keep_each_others_keys", async () => {
    const app = storageWith();
    const header = await begun(app, { name: "Ada", draft: "old" });
    const loaded = await Promise.all(Array.from({ length: 200 }, () => app.getSession(header)));
    loaded.forEach((session, index) => session.set(`key${index}`, index));
    loaded[0].unset("draft");
    await Promise.all(loaded.map((session) => app.commitSession(session)));
    const data = await dataOf(app, header);
    equal(Object.keys(data).length, 201);
    equal(data.name, "Ada");
    equal("draft" in data, false);
  });

  it("S1_a_second_commit_of_one_session_takes_nothing_back", async () => {
    const app = storageWith();
    const header = await begun(app, { name: "Ada", nested: { a: 1 } });
    const [mine, theirs] = await Promise.all([app.getSession(header), app.getSession(header)]);
    mine.set("mine", 1);
    theirs.set("theirs", 1);
    theirs.get("nested").b = 2;
    await app.commitSession(theirs);
    const [reached, waits] = [gate(), gate()];
    app.storage.instead.set = async (...given) => {
      reached.open();
      await waits.opened;
      return app.storage.memory.set(...given);
    };
    const first = app.commitSession(mine);
    await reached.opened;
    mine.set("meanwhile", 1);
    mine.get("nested").d = 4;
    waits.open();
    await first;
    equal(mine.get("theirs"), 1);
    mine.get("nested").c = 3;
    await app.commitSession(mine);
    same(await dataOf(app, header), {
      name: "Ada",
      nested: { a: 1, b: 2, d: 4, c: 3 },
      theirs: 1,
      mine: 1,
      meanwhile: 1,
    });
  });

  it("S2_a_destroyed_session_never_comes_back", async () => {
    const app = storageWith();
    const header = await begun(app, { name: "Ada" });
    const [slow, moving, logout] = await Promise.all([1, 2, 3].map(() => app.getSession(header)));
    slow.set("late", true);
    moving.set("late", true);
    matches(await app.destroySession(logout), /^__session=; Max-Age=0;/);
    same(logout.data, {});
    for (const session of [slow, slow, logout]) {
      matches(await app.commitSession(session), /^__session=; Max-Age=0;/);
    }
    matches(await app.commitSession(moving, { regenerate: true }), /^__session=; Max-Age=0;/);
    same(await dataOf(app, header), {});
    logout.flash("message", "Good bye");
    const next = cookieOf(await app.commitSession(logout));
    equal(next === header, false);
    same(await dataOf(app, next), { __flash_message__: "Good bye" });
    equal((await app.storage.memory.stats()).sessions, 1);
  });

  it("S3_an_id_that_nobody_gave_is_not_adopted", async () => {
    for (const secrets of [undefined, SECRETS]) {
      const app = storageWith({ secrets });
      const header = await begun(app, { name: "Ada" });
      const forged = secrets === undefined ? "chosen" : new Signer(["another secret"]).sign("chosen");
      for (const value of ["chosen", forged, "s:chosen.", "%E0%A4%A", "x".repeat(5000)]) {
        const given = `__session=${encodeURIComponent(value)}`;
        // One that a neighbouring host has put before ours hides it only where nobody can tell them apart.
        const tossed = await app.getSession(`${given}; ${header}`);
        same(tossed.data, secrets === undefined ? {} : { name: "Ada" });
        const session = await app.getSession(given);
        equal(session.id, "");
        session.set("name", "Mallory");
        equal((await app.commitSession(session)).includes("chosen"), false);
        equal(session.id === "" || session.id === "chosen", false);
      }
      equal(await app.storage.memory.get("chosen"), undefined);
      same(await dataOf(app, header), { name: "Ada" });
    }
  });

  it("S3_regenerate_moves_a_session_and_the_old_id_is_dead", async () => {
    const app = storageWith({ secrets: SECRETS });
    const before = await begun(app, { cart: ["a book"] });
    const session = await app.getSession(before);
    session.set("name", "Ada");
    const after = cookieOf(await app.commitSession(session, { regenerate: true }));
    equal(after === before, false);
    same(await dataOf(app, after), { cart: ["a book"], name: "Ada" });
    same(await dataOf(app, before), {});
  });

  it("S4_the_cookie_is_safe_unless_it_is_told_otherwise", async () => {
    const line = async (cookie, options) => {
      const { getSession, commitSession } = storageWith(cookie);
      const session = await getSession();
      session.set("name", "Ada");
      return (await commitSession(session, options)).replace(/=[^;]+/, "=ID");
    };
    equal(await line(), "__session=ID; Path=/; Secure; HttpOnly; SameSite=Lax");
    equal(
      await line({ name: "sid", secure: false, sameSite: true }),
      "sid=ID; Path=/; HttpOnly; SameSite=Strict",
    );
    equal(
      await line({ maxAge: 60 }, { domain: "example.org", path: "/app", httpOnly: false, sameSite: "none" }),
      "__session=ID; Max-Age=60; Domain=example.org; Path=/app; Secure; SameSite=None",
    );
    equal(await line({ maxAge: 60 }, { maxAge: 90 }), await line({ maxAge: 90 }));
    equal(await line({ maxAge: 60 }, { maxAge: undefined }), await line());
    for (const refused of [
      createCookie("sid", { secrets: SECRETS }),
      { name: "__Host-sid", domain: "example.org" },
      { sameSite: "none", secure: false },
      { sameSite: false },
      { partitioned: true, secure: false },
      { secrets: [] },
      { maxAge: NaN },
      { maxAge: 60 * 86_400_000 },
      { name: "a b" },
    ]) {
      const error = await rejection((async () => storageWith(refused))());
      equal(error.code, "ERR_SESSION_INVALID_OPTION", JSON.stringify(refused));
    }
    const { getSession, commitSession } = storageWith({ name: "__Host-sid" });
    const error = await rejection(commitSession(await getSession(), { path: "/app" }));
    equal(error.code, "ERR_SESSION_INVALID_OPTION");
  });

  it("C7_maxAge_bounds_how_long_the_storage_keeps_a_session_after_its_last_commit", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const app = storageWith({ maxAge: 60 }, { clock }, { clock });
    const abandoned = await begun(app, { name: "Ada" });
    now += 60_000;
    same(await dataOf(app, abandoned), {});
    const header = await begun(app, { name: "Ada" });
    now += 5_000;
    await app.commitSession(await app.getSession(header));
    now += 59_000;
    const session = await app.getSession(header);
    equal(session.get("name"), "Ada", "the commit was activity");
    matches(await app.commitSession(session, { maxAge: 3600 }), /; Max-Age=3600;/);
    now += 3_599_000;
    const remembered = await app.getSession(header);
    equal(remembered.get("name"), "Ada", "a commit that says so keeps it longer");
    matches(await app.commitSession(remembered, { expires: new Date(now + 9_500) }), /; Max-Age=10;/);
    const moved = cookieOf(await app.commitSession(remembered, { maxAge: 20, regenerate: true }));
    now += 19_000;
    same(await dataOf(app, moved), { name: "Ada" });
    now += 1_000;
    same(await dataOf(app, moved), {});
    equal(cookieOf(await app.commitSession(await app.getSession(header))), null);
  });

  it("C7_an_idleTimeout_that_is_given_goes_before_maxAge", async () => {
    let now = 1_000_000;
    const clock = () => now;
    const app = storageWith({ maxAge: 3600 }, { clock, idleTimeout: "30s" }, { clock });
    const header = await begun(app, { name: "Ada" }, { maxAge: 86_400 });
    now += 29_000;
    same(await dataOf(app, header), { name: "Ada" });
    now += 1_000;
    same(await dataOf(app, header), {});
  });

  it("a commit that is over at once destroys the session", async () => {
    for (const over of [{ maxAge: 0 }, { maxAge: -1 }, { expires: new Date(0) }]) {
      const app = storageWith();
      const header = await begun(app, { name: "Ada" });
      equal(cookieOf(await app.commitSession(await app.getSession(header), over)), null);
      same(await dataOf(app, header), {});
    }
  });

  it("a session that is new and holds nothing costs no call of the storage", async () => {
    const app = storageWith();
    const session = await app.getSession("other=1");
    session.flash("message", "read at once");
    session.get("message");
    equal(cookieOf(await app.commitSession(session)), null);
    same(app.storage.calls, {});
    const header = await begun(app, { name: "Ada" });
    const emptied = await app.getSession(header);
    emptied.unset("name");
    equal(cookieOf(await app.commitSession(emptied)), header, "one that is stored stays");
  });

  it("S6_a_storage_that_fails_is_an_error_of_whatever_was_called", async () => {
    const app = storageWith();
    const header = await begun(app, { name: "Ada" });
    const down = new Error("refused");
    const session = await app.getSession(header);
    session.set("name", "Bob");
    for (const [method, call] of [
      ["get", () => app.getSession(header)],
      ["set", () => app.commitSession(session)],
    ]) {
      app.storage.instead[method] = () => Promise.reject(down);
      const error = await rejection(call());
      equal(error.code, "ERR_SESSION_STORAGE", method);
      equal(error.cause, down);
      delete app.storage.instead[method];
    }
    same(await dataOf(app, header), { name: "Ada" });
    await app.commitSession(session);
    same(await dataOf(app, header), { name: "Bob" }, "it can be tried again");
    app.storage.instead.invalidate = () => Promise.reject(down);
    equal((await rejection(app.destroySession(session))).code, "ERR_SESSION_STORAGE");
    same(await dataOf(app, header), {}, "a logout that failed halfway leaves nobody in");
  });

  it("a session of another storage is refused", async () => {
    const foreign = await createMemorySessionStorage({ cookie: { secrets: SECRETS } }).getSession();
    const other = await storageWith().getSession();
    const app = storageWith();
    for (const session of [foreign, other]) {
      for (const call of [app.commitSession, app.destroySession]) {
        equal((await rejection(call(session))).code, "ERR_SESSION_INVALID_OPTION");
      }
    }
  });
});
