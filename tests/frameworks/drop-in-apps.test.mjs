// Three applications with express-session as their authors wrote them; and the same with nothing changed but the import.
import http from "node:http";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { equal, matches, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { serving } from "./client.mjs";

const here = join(import.meta.dirname, "drop-in-apps");
/** Inside `node_modules`, so that an application finds its packages there. */
const changed = join(import.meta.dirname, "node_modules/.drop-in-apps");

const form = (fields) => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString(),
});
const json = (value, headers = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});

/** What a person does with each application. */
const VISITS = {
  async "login.mjs"(client) {
    equal(await client.text("/"), "Who are you?");
    equal(client.cookie, "", "no cookie for who does nothing");
    equal((await client.send("/admin")).headers.get("location"), "/login");
    const before = client.cookie;
    matches(before, /^app\.sid=s%3A/);
    equal((await client.send("/login", form({ username: "ada", password: "wrong" }))).status, 302);
    equal(await client.text("/login"), "log in: no such user");
    const stranger = client.clone();
    const answer = await client.send("/login", form({ username: "ada", password: "analytical" }));
    equal(answer.headers.get("location"), "/admin");
    matches(answer.headers.getSetCookie()[0], /; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
    equal(client.cookie === before, false, "the id is another one");
    equal(await client.text("/admin"), "admin area");
    equal((await stranger.send("/admin")).status, 302, "with the id from before the login");
    equal(await client.text("/"), "Hello ada");
    await client.send("/logout", form({}));
    equal(await client.text("/"), "Who are you?");
  },

  async "notes.mjs"(client) {
    const { token, messages } = await client.json("/");
    same(messages, []);
    const first = client.cookie;
    matches(first, /^connect\.sid=s%3A/);
    equal((await client.send("/notes", json({ text: "forged" }))).status, 403);
    const headers = { "x-csrf-token": token };
    equal((await client.send("/notes", json({ text: "one" }, headers))).status, 303);
    same((await client.json("/")).messages, ["kept", "1 by now"]);
    same((await client.json("/")).messages, []);
    await client.send("/notes", json({ text: "two" }, headers));
    await client.send("/notes", json({}, headers));
    same(await client.json("/"), {
      notes: ["one", "two"],
      messages: ["kept", "2 by now", "a note needs a text"],
      token,
    });
    const secure = await client.send("/", { headers: { "x-forwarded-proto": "https" } });
    equal(secure.headers.getSetCookie().length, 1, "rolling");
    await client.send("/forget", json({}, headers));
    const after = await client.json("/");
    same([after.notes, after.messages, after.token === token], [[], ["forgotten"], false]);
  },

  async "cart.cjs"(client) {
    same(await client.json("/cart"), { items: {}, total: 0 });
    const other = client.clone();
    await client.send("/cart/tea", json({ price: 3 }));
    same(await client.json("/cart/tea", json({ price: 3 })), { items: { tea: 2 }, total: 6 });
    same(await client.json("/cart/cup", json({ price: 4 })), { items: { tea: 2, cup: 1 }, total: 10 });
    same(await other.json("/cart"), { items: { tea: 2, cup: 1 }, total: 10 });
    equal(await client.json("/carts"), 1);
    same(await client.json("/checkout", json({})), { paid: 10 });
    same(await other.json("/cart"), { items: {}, total: 0 });
  },
};

describe("applications with express-session", () => {
  for (const [file, visit] of Object.entries(VISITS)) {
    it(`${file} as it is`, async () => run(join(here, file), visit));

    it(`${file} with the drop-in`, async () => {
      const text = await readFile(join(here, file), "utf8");
      const moved = text.replaceAll('"express-session"', '"sessile/express-session"');
      equal(moved.length - text.length, "sessile/".length, "one import is another");
      await mkdir(changed, { recursive: true });
      try {
        await writeFile(join(changed, file), moved);
        await run(join(changed, file), visit);
      } finally {
        await rm(changed, { recursive: true });
      }
    });
  }
});

async function run(file, visit) {
  const { createApp } = await import(file);
  await serving(http.createServer(createApp()), visit);
}
