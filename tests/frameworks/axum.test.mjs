// A server of axum and one of Node on one folder: `examples/axum`, as it lies there.
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { equal, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { Client } from "./client.mjs";

const EXAMPLE = join(import.meta.dirname, "../../examples/axum");
const TIMES = 100;

/** The example's server of Node, where the package is installed. */
async function nodeServer() {
  const folder = join(import.meta.dirname, "node_modules/.axum");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "server.mjs");
  await copyFile(join(EXAMPLE, "server.mjs"), file);
  return [process.execPath, file];
}

/** Starts a server on a port of its own; answers where it listens, and how to stop it. */
async function start([program, ...words], env) {
  if (program === undefined) throw new Error("AXUM_EXAMPLE must say where the example's program is");
  const child = spawn(program, words, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const failed = new Promise((_, reject) => child.once("error", reject));
  const stop = async () => {
    child.kill();
    await ended;
  };
  const lines = createInterface(child.stdout);
  const first = new Promise((resolve) => lines.once("line", resolve));
  const origin = await Promise.race([first, failed, ended]);
  if (typeof origin !== "string") throw new Error("the server ended before it listened");
  return { origin, stop };
}

/** Both servers while `work` is done; a client of each, with the cookies of one browser. */
async function both(work) {
  const folder = await mkdtemp(join(tmpdir(), "rust-sessions-axum-"));
  const env = { SESSIONS: folder, SECRET: "one secret for both, of 32 or more bytes", PORT: "0" };
  const servers = [];
  try {
    for (const words of [[process.env.AXUM_EXAMPLE], await nodeServer()]) {
      servers.push(await start(words, env));
    }
    const [axum, node] = servers.map(({ origin }) => origin);
    const at = (browser, origin) => Object.assign(browser.clone(), { origin });
    await work({ axum, node, at });
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()));
    await rm(folder, { recursive: true, force: true });
  }
}

const post = (client, path, body) => client.send(path, { method: "POST", body });

describe("axum beside node", () => {
  for (const [first, second] of [
    ["axum", "node"],
    ["node", "axum"],
  ]) {
    it(`S1_S2_a_login_at_${first}_is_one_at_both_and_so_is_each_click_and_the_logout_at_${second}`, () =>
      both(async ({ at, ...origins }) => {
        const browser = new Client(origins[first]);
        equal((await post(browser, "/click")).status, 401);
        equal((await post(browser, "/login", "Ada")).status, 204);
        const here = at(browser, origins[first]);
        const there = at(browser, origins[second]);
        same(await here.json("/"), { name: "Ada", clicks: 0 });
        same(await there.json("/"), { name: "Ada", clicks: 0 });

        const clicks = Array.from({ length: 2 * TIMES }, (_, index) =>
          post(index % 2 === 0 ? here : there, "/click"),
        );
        const statuses = new Set((await Promise.all(clicks)).map(({ status }) => status));
        same([...statuses], [200]);
        same(await here.json("/"), { name: "Ada", clicks: 2 * TIMES });
        same(await there.json("/"), { name: "Ada", clicks: 2 * TIMES });

        const before = there.clone();
        equal((await post(there, "/logout")).status, 204);
        equal(there.cookie, "");
        equal(await before.json("/"), null);
        equal(await here.json("/"), null);
        equal(here.cookie, "");
      }));

    it(`S3_an_id_given_up_at_${first}_is_known_as_such_at_${second}_and_its_logout_reaches_the_session`, () =>
      both(async ({ at, ...origins }) => {
        const browser = new Client(origins[first]);
        await post(browser, "/login", "Ada");
        const old = at(browser, origins[second]);
        await post(browser, "/login", "Bob");
        const late = await old.send("/");
        equal(await late.json(), null);
        same(late.headers.getSetCookie(), []);
        same(await at(browser, origins[second]).json("/"), { name: "Bob", clicks: 0 });
        await post(old, "/logout");
        equal(await browser.json("/"), null);
      }));

    it(`a_cookie_that_carries_its_session_whole_is_made_at_${first}_and_read_and_changed_at_${second}`, () =>
      both(async ({ at, ...origins }) => {
        const browser = new Client(origins[first]);
        same(await browser.json("/settings"), [null, []]);
        equal((await post(browser, "/settings", "français 🦀")).status, 204);
        const there = at(browser, origins[second]);
        same(await there.json("/settings"), [{ language: "français 🦀" }, ["Saved"]]);
        same(await there.json("/settings"), [{ language: "français 🦀" }, []]);
        equal((await post(there, "/settings", '"Ελληνικά"')).status, 204);
        const back = at(there, origins[first]);
        same(await back.json("/settings"), [{ language: '"Ελληνικά"' }, ["Saved"]]);
        const read = await back.send("/settings");
        same([await read.json(), read.headers.getSetCookie()], [[{ language: '"Ελληνικά"' }, []], []]);
        equal((await back.send("/settings", { method: "DELETE" })).status, 204);
        equal(back.cookie, "");
      }));

    it(`S3_S5_at_${first}_a_cookie_that_carries_its_session_is_changed_by_nobody_and_not_too_large`, () =>
      both(async ({ at, ...origins }) => {
        const browser = new Client(origins[second]);
        await post(browser, "/settings", "français");
        const forged = browser.cookie.replace(/.{9}$/, (end) => (end[0] === "A" ? "B" : "A") + end.slice(1));
        const response = await fetch(`${origins[first]}/settings`, { headers: { cookie: forged } });
        same(await response.json(), [null, []]);
        equal(response.headers.getSetCookie()[0].startsWith("settings=; Max-Age=0; "), true);
        const twice = `${forged}; ${browser.cookie}`;
        const ours = await fetch(`${origins[first]}/settings`, { headers: { cookie: twice } });
        same(await ours.json(), [{ language: "français" }, ["Saved"]]);
        const here = at(browser, origins[first]);
        const before = here.cookie;
        equal((await post(here, "/settings", "x".repeat(4000))).status, 500);
        equal(here.cookie, before);
      }));
  }

  it("S5_a_ticket_of_another_secret_is_none_of_theirs", () =>
    both(async ({ axum, node, at }) => {
      const browser = new Client(axum);
      await post(browser, "/login", "Ada");
      const [pair] = browser.cookie.split("; ");
      const forged = pair.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
      for (const origin of [axum, node]) {
        const response = await fetch(`${origin}/`, { headers: { cookie: forged } });
        equal(await response.json(), null);
        equal(response.headers.getSetCookie()[0].startsWith("user=; Max-Age=0; "), true);
        same(await at(browser, origin).json("/"), { name: "Ada", clicks: 0 });
      }
    }));
});
