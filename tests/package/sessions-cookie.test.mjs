// S4: cookies as browsers want them, Cookie headers as nobody wants them, and responses that carry a Set-Cookie.
import { SessionStorageMemory, cookie, header, sessions } from "sessile";
import { equal, matches, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { appOf, gate, request } from "./sessions-app.mjs";

const storage = new SessionStorageMemory();
const refusal = async (make) => (await rejection((async () => make())())).code;

async function madeCookie(name, options, given) {
  const { handler } = appOf(storage, options, name);
  const response = await handler(given ?? request(), (user) => user.set({ name: "Ada" }));
  return response.headers.getSetCookie()[0];
}

describe("session cookies", () => {
  it("S4_are_safe_when_nothing_is_said", async () => {
    matches(await madeCookie("user"), /^user=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
    const plain = await madeCookie("user", {}, request(undefined, "http://localhost/"));
    matches(plain, /^user=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  it("S4_a_forwarded_protocol_counts_only_from_a_trusted_proxy", async () => {
    const forwarded = (proto) => request(undefined, "http://inner/", { "x-forwarded-proto": proto });
    equal((await madeCookie("user", {}, forwarded("https"))).includes("Secure"), false);
    for (const [proto, secure] of [
      ["https", true],
      ["https, http", true],
      ["http", false],
      ["http, https", false],
      ["httpsx", false],
    ]) {
      const made = await madeCookie("user", { trustProxy: true }, forwarded(proto));
      equal(made.includes("; Secure"), secure, proto);
    }
  });

  it("S4_has_all_attributes", async () => {
    const options = {
      domain: "example.org",
      path: "/app",
      sameSite: "none",
      httpOnly: false,
      partitioned: true,
    };
    const made = await madeCookie(
      "user",
      { ...options, maxAge: "90s" },
      request(undefined, "http://localhost/"),
    );
    matches(
      made,
      /^user=[\w-]{43}; Max-Age=90; Domain=example.org; Path=\/app; Secure; SameSite=None; Partitioned$/,
    );
  });

  it("S4_prefixes_make_it_secure_also_on_http", async () => {
    for (const name of ["__Host-user", "__Secure-user", "__Http-user", "__Host-Http-user", "__host-user"]) {
      matches(await madeCookie(name, {}, request(undefined, "http://localhost/")), /; Secure; HttpOnly/);
    }
  });

  it("S4_what_a_browser_would_drop_is_refused_when_it_is_configured", async () => {
    for (const [name, options] of [
      ["__Host-user", { secure: false }],
      ["__Host-user", { path: "/app" }],
      ["__Host-user", { domain: "example.org" }],
      ["__HOST-user", { domain: "example.org" }],
      ["__Secure-user", { secure: false }],
      ["__Http-user", { httpOnly: false }],
      ["__Host-Http-user", { httpOnly: false }],
      ["user", { partitioned: true, secure: false }],
      ["user", { sameSite: "none", secure: false }],
      ["user", { sameSite: "Lax" }],
      ["user", { secure: "yes" }],
      ["user", { path: "app" }],
      ["user", { path: "/;domain=evil.example" }],
      ["user", { domain: "exa mple.org" }],
      ["user", { domain: "example.org; Secure" }],
      ["user", { maxAge: 0 }],
      ["user", { maxAge: "7 days" }],
      ["user", { idleTimeout: -1 }],
      ["user", { onConflict: "ignore" }],
      ["user", { secrets: [] }],
      ["user", { schema: {} }],
      ["user", { generateId: "uuid" }],
      ["user", { touchAfter: 0 }],
      ["user", null],
      ["", {}],
      ["us er", {}],
      ["user=", {}],
      ["us;er", {}],
      ["üser", {}],
      ["us\r\ner", {}],
    ]) {
      equal(
        await refusal(() => cookie(name, storage, options)),
        "ERR_SESSION_INVALID_OPTION",
        `${name} ${JSON.stringify(options)}`,
      );
    }
    for (const name of ["", "X Session", "Cookie", "set-cookie", "X:S"]) {
      equal(await refusal(() => header(name, storage)), "ERR_SESSION_INVALID_OPTION", name);
    }
    const [one, other] = [cookie("user", storage), cookie("user", storage)];
    equal(await refusal(() => sessions({ one, other })), "ERR_SESSION_INVALID_OPTION");
    equal(await refusal(() => sessions({})), "ERR_SESSION_INVALID_OPTION");
    equal(await refusal(() => sessions({ one: {} })), "ERR_SESSION_INVALID_OPTION");
  });

  it("finds its cookie in any header, and the first of its name", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.set({ name: "Ada" }));
    const own = client.cookie;
    const seen = async (given) => {
      let value;
      await handler(request(given), async (user) => {
        value = await user.get();
      });
      return value?.name;
    };
    const id = own.slice("user=".length);
    for (const given of [
      own,
      `a=b; ${own}`,
      `a=b;${own};c=d`,
      `${own}; user=other`,
      `user="${id}"`,
      `  user = ${id} `,
      `user=${id.replace(/./, (first) => `%${first.charCodeAt(0).toString(16)}`)}`,
      `${"x=y; ".repeat(13_000)}${own}`,
      `;;;=;=x; ;${own}`,
      `__proto__=1; constructor=2; ${own}`,
    ]) {
      equal(await seen(given), "Ada", given.slice(-80));
    }
    for (const given of [
      "",
      ";",
      "user",
      "user=",
      "user=%",
      "user=%E0%A4%A",
      `xuser=${id}`,
      `user=other; ${own}`,
      `User=${id}`,
      `user=${"x".repeat(65_536)}`,
      `user=${"%".repeat(65_536)}`,
      'user="',
      "user=\u00e4\u{1f600}",
      "user=%ED%A0%80",
    ]) {
      equal(await seen(given), undefined, given.slice(0, 80));
    }
  });

  it("S4_a_name_with_other_white_space_around_it_is_another_name", async () => {
    const { client, handler } = appOf(storage, {}, "__Host-user");
    await client.send((user) => user.set({ name: "Ada" }));
    const value = client.cookie.split("=")[1];
    for (const blank of "\u00a0\u0085\u000b\u000c\u2000\u3000\ufeff") {
      for (const name of [`${blank}__Host-user`, `__Host-user${blank}`]) {
        let seen;
        await handler(request(`${name}=${value}`), async (user) => (seen = await user.get()));
        equal(seen, undefined, JSON.stringify(name));
      }
    }
    let seen;
    await handler(request(`\t __Host-user \t=\t ${value}\t `), async (user) => (seen = await user.get()));
    same(seen, { name: "Ada" });
  });

  it("takes ids that need escaping, and refuses those that are none", async () => {
    const storage = new SessionStorageMemory();
    const { client } = appOf(storage, { generateId: () => 'ö; "id"=%41' });
    await client.send((user) => user.set({ name: "Ada" }));
    let seen;
    await client.send(async (user) => {
      seen = await user.get();
    });
    same(seen, { name: "Ada" });
    for (const [id, code] of [
      ["", "ERR_SESSION_INVALID_ID"],
      [undefined, "ERR_SESSION_INVALID_ID"],
      ["\u{1f600}".repeat(257), "ERR_SESSION_INVALID_ID"],
      ['ö; "id"=%41', "ERR_SESSION_CONFLICT"],
    ]) {
      const { handler } = appOf(storage, { generateId: () => id });
      const error = await rejection(handler(request(), (user) => user.set({ other: 1 })));
      equal(error.code, code, `${id}`.slice(0, 20));
    }
  });

  it("is set on redirects and on responses that cannot be changed", async () => {
    const { handler } = appOf();
    const redirect = Response.redirect("https://example.org/next", 303);
    const response = await handler(request(), async (user) => {
      await user.set({ name: "Ada" });
      return redirect;
    });
    equal(response.status, 303);
    equal(response.headers.get("location"), "https://example.org/next");
    matches(response.headers.getSetCookie()[0], /^user=/);
    equal(response.headers.get("cache-control"), 'private, no-cache="set-cookie"');
  });

  it("keeps what the application has set itself", async () => {
    const { handler } = appOf();
    const response = await handler(request(), async (user) => {
      await user.set({ name: "Ada" });
      const headers = new Headers({ "cache-control": "no-store" });
      headers.append("set-cookie", "theme=dark");
      return new Response(null, { status: 204, headers });
    });
    equal(response.status, 204);
    equal(response.headers.getSetCookie().length, 2);
    equal(response.headers.getSetCookie()[0], "theme=dark");
    equal(response.headers.get("cache-control"), "no-store");
  });

  it("goes out before a streamed body has ended, and what comes later can be committed", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.set({ pieces: 0 }));
    const waits = gate();
    const errors = [];
    const response = await handler(request(client.cookie), async (user) => {
      await user.update(() => ({ pieces: 1 }));
      await user.regenerate();
      const body = new ReadableStream({
        async pull(controller) {
          await waits.opened;
          await user.update(({ pieces }) => ({ pieces: pieces + 1 }));
          await user.commit();
          errors.push((await rejection(user.regenerate())).code);
          controller.enqueue(new TextEncoder().encode("streamed"));
          controller.close();
        },
      });
      return new Response(body);
    });
    client.cookie = response.headers.getSetCookie()[0].split(";", 1)[0];
    waits.open();
    equal(await response.text(), "streamed");
    same(errors, ["ERR_SESSION_CLOSED"]);
    let seen;
    await client.send(async (user) => {
      seen = await user.get();
    });
    same(seen, { pieces: 2 });
  });

  it("a handler that throws stores nothing and is heard", async () => {
    const { handler, storage } = appOf();
    const failing = handler(request(), async (user) => {
      await user.set({ name: "Ada" });
      throw new Error("of the handler");
    });
    equal((await rejection(failing)).message, "of the handler");
    equal((await storage.stats()).sessions, 0);
  });
});
