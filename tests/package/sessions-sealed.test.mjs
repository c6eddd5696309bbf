// Sessions that their cookie carries whole.
import { Sealer, SessionStorageMemory, cookie, sessions } from "sessile";
import { equal, matches, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { Client, request, valueOf } from "./sessions-app.mjs";

const NEW = "a new secret of more than 32 bytes, at random";
const OLD = "an old secret of more than 32 bytes, at random";
const MINUTE = 60_000;

function sealedApp(options = {}, name = "user") {
  const events = [];
  const onEvent = ({ type }) => events.push(type);
  const app = sessions({ user: cookie(name, { secrets: [NEW], onEvent, ...options }) });
  const handler = app.fetch(async (given, { user }, work) => {
    await work?.(user, given);
    return new Response("ok");
  });
  return { app, handler, events, client: new Client(handler) };
}

describe("sessions in a sealed cookie", () => {
  it("carry the value, which nobody can read or change", async () => {
    const { client, handler, events } = sealedApp();
    await client.send((user) => user.set({ name: "Ada", cart: [1] }));
    same(await valueOf(client), { name: "Ada", cart: [1] });
    const text = client.cookie.slice("user=".length);
    matches(text, /^[\w.-]+$/);
    const bytes = atob(
      text
        .replace(/-/g, "+")
        .replace(/_/g, "/")
        .replace(/\./g, "")
        .slice(0, -(text.length % 4) || undefined),
    );
    equal(bytes.includes("Ada"), false);
    for (let at = 0; at < text.length; at += 7) {
      const other = new Client(handler);
      other.cookie = `user=${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
      equal(await valueOf(other), undefined, `changed at ${at}`);
      equal(other.cookie, undefined);
    }
    equal(new Set(events).has("unknown"), true);
  });

  it("are bound to the cookie's name", async () => {
    const { client } = sealedApp();
    await client.send((user) => user.set({ role: "admin" }));
    const other = sealedApp({}, "other");
    other.client.cookie = client.cookie.replace("user=", "other=");
    equal(await valueOf(other.client), undefined);
  });

  it("need no cookie where nothing changes, and none where nobody asks", async () => {
    const { client } = sealedApp();
    same((await client.send()).headers.getSetCookie(), []);
    same((await client.send((user) => user.get())).headers.getSetCookie(), []);
    const first = await client.send((user) => user.set({ n: 1 }));
    matches(first.headers.getSetCookie()[0], /; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
    matches(first.headers.get("cache-control"), /private/);
    same((await client.send((user) => user.set({ n: 1 }))).headers.getSetCookie(), []);
  });

  it("C7_expire_by_both_clocks_and_activity_is_noted_now_and_then", async () => {
    let now = 1_000_000;
    const options = { clock: () => now, idleTimeout: "30m", absoluteTimeout: "2h" };
    const { client, events } = sealedApp(options);
    const first = await client.send((user) => user.set({ n: 1 }));
    matches(first.headers.getSetCookie()[0], /; Max-Age=1800;/);
    now += 30_000;
    same((await client.send((user) => user.get())).headers.getSetCookie(), []);
    now += 30_000;
    equal((await client.send((user) => user.get())).headers.getSetCookie().length, 1);
    for (let step = 0; step < 5; step += 1) {
      now += 20 * MINUTE;
      same(await valueOf(client), { n: 1 });
    }
    const kept = client.cookie;
    now += 19 * MINUTE;
    equal(await valueOf(client), undefined);
    equal(client.cookie, undefined);
    same(events.slice(-1), ["expired"]);
    client.cookie = kept;
    equal(await valueOf(client), undefined);

    await client.send((user) => user.set({ n: 2 }));
    now += 30 * MINUTE - 1;
    same(await valueOf(client), { n: 2 });
    now += 30 * MINUTE;
    equal(await valueOf(client), undefined);
  });

  it("S3_regenerate_gives_another_id_and_keeps_the_rest", async () => {
    const { client } = sealedApp();
    const ids = [];
    await client.send((user) => user.set({ n: 1 }));
    for (let step = 0; step < 2; step += 1) {
      await client.send(async (user) => {
        await user.get();
        ids.push(user.id);
        await user.regenerate();
      });
    }
    matches(ids[0], /^[\w-]{43}$/);
    equal(ids[0] === ids[1], false);
    same(await valueOf(client), { n: 1 });
  });

  it("S5_the_newest_secret_seals_all_open_and_an_older_is_replaced", async () => {
    const old = sealedApp({ secrets: [OLD] });
    await old.client.send((user) => user.set({ n: 1 }));
    const both = sealedApp({ secrets: [NEW, OLD] });
    both.client.cookie = old.client.cookie;
    same(await valueOf(both.client), { n: 1 });
    equal(both.client.cookie === old.client.cookie, false);
    const renewed = sealedApp();
    renewed.client.cookie = both.client.cookie;
    same(await valueOf(renewed.client), { n: 1 });
    renewed.client.cookie = old.client.cookie;
    equal(await valueOf(renewed.client), undefined);
  });

  it("too large for a cookie are refused, to the byte", async () => {
    for (const name of ["user", "u".repeat(200)]) {
      const { handler } = sealedApp({}, name);
      const lengthOf = async (size) => {
        const client = new Client(handler);
        const sent = client.send((user) => user.set("x".repeat(size)));
        return sent.then(
          () => client.cookie.length - 1,
          (error) => error.code,
        );
      };
      let size = 2500;
      while (typeof (await lengthOf(size + 1)) === "number") size += 1;
      const longest = await lengthOf(size);
      equal(longest <= 4096 && longest > 4090, true, `${longest} bytes`);
      equal(await lengthOf(size + 1), "ERR_SESSION_TOO_LARGE");
    }
  });

  it("S7_what_cannot_be_used_is_reported", async () => {
    const { client } = sealedApp();
    await client.send((user) => user.set({ version: 1 }));
    const reports = [];
    const validate = (value) => (value.version === 2 ? { value } : { issues: [{ message: "old" }] });
    const schema = { "~standard": { version: 1, vendor: "test", validate } };
    const next = sealedApp({ schema, onInvalid: (report) => reports.push(report) });
    next.client.cookie = client.cookie;
    equal(await valueOf(next.client), undefined);
    same(
      reports.map(({ name, reason }) => [name, reason]),
      [["user", "schema"]],
    );
    equal(
      (await rejection(next.client.send((user) => user.set({ version: 1 })))).code,
      "ERR_SESSION_INVALID_OPTION",
    );
    await next.client.send((user) => user.set({ version: 2 }));
    same(await valueOf(next.client), { version: 2 });
  });

  it("sealed by the same secret for another purpose are none", async () => {
    const sealer = new Sealer([NEW]);
    const contents = [
      "",
      "null",
      "[]",
      "[1]",
      '[2,"id",0,0,"1"]',
      '[1,"id",0,0,"{"]',
      '[1,7,0,0,"1"]',
      '[1,"id",null,0,"1"]',
    ];
    for (const content of contents) {
      const { handler } = sealedApp();
      const client = new Client(handler);
      client.cookie = `user=${sealer.seal("user", content)}`;
      equal(await valueOf(client), undefined, content);
    }
  });

  it("carry flash messages, and end with clear()", async () => {
    const { client, events } = sealedApp();
    await client.send(async (user) => {
      await user.set({ n: 1 });
      await user.flash("info", "Saved");
    });
    let seen;
    await client.send(async (user) => void (seen = await user.flashes("info")));
    same(seen, ["Saved"]);
    await client.send(async (user) => void (seen = await user.flashes("info")));
    same([seen, await valueOf(client)], [[], { n: 1 }]);
    const response = await client.send((user) => user.clear());
    matches(response.headers.getSetCookie()[0], /^user=; Max-Age=0/);
    equal(await valueOf(client), undefined);
    equal(events.includes("invalidated"), true);
  });

  it("cannot be tagged, or stored after the headers", async () => {
    const { app, handler } = sealedApp();
    await handler(request(), async (user) => {
      equal((await rejection(user.tag("Ada"))).code, "ERR_SESSION_UNSUPPORTED");
    });
    equal((await rejection(app.revokeAll("Ada"))).code, "ERR_SESSION_INVALID_OPTION");
    let late;
    await handler(request(), async (user) => {
      await user.get();
      late = user;
    });
    await late.set({ n: 1 });
    equal((await rejection(late.commit())).code, "ERR_SESSION_CLOSED");
  });

  it("S2_cannot_be_ended_after_the_headers_since_the_client_keeps_them", async () => {
    let now = 1_000_000;
    const { client, handler } = sealedApp({ clock: () => now, idleTimeout: "1h" });
    await client.send((user) => user.set({ n: 1 }));
    let late;
    const visit = () => handler(request(client.cookie), async (user) => void (late = user));
    await visit();
    equal((await rejection(late.clear())).code, "ERR_SESSION_CLOSED");
    now += 30 * 60_000;
    await visit();
    same(await late.get(), { n: 1 });
    equal(await late.commit(), "unchanged", "a touch that is due");
    await late.touch();
    equal((await rejection(late.commit())).code, "ERR_SESSION_CLOSED");
    same(await valueOf(client), { n: 1 });
  });

  it("need secrets that cannot be guessed, and a cookie that a browser takes", () => {
    const refused = (...given) => {
      try {
        cookie("user", ...given);
      } catch (error) {
        return error.code;
      }
      return "taken";
    };
    const storage = new SessionStorageMemory();
    for (const given of [
      [{}],
      [undefined],
      [null],
      [{ secrets: [] }],
      [{ secrets: ["short"] }],
      [{ secrets: NEW }],
    ]) {
      equal(refused(...given), "ERR_SESSION_INVALID_OPTION", JSON.stringify(given));
    }
    equal(refused({ secrets: [NEW], sameSite: "none", secure: false }), "ERR_SESSION_INVALID_OPTION");
    equal(refused({ secrets: [NEW], rolling: 1 }), "ERR_SESSION_INVALID_OPTION");
    equal(refused({ secrets: [NEW] }), "taken");
    equal(refused(storage, { secrets: ["short"] }), "taken");
  });
});
