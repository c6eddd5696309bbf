// What sessions promise in every framework, over real HTTP.
import { SessionStorageMemory, Signer, cookie, header, sessions } from "sessile";
import { equal, matches, same } from "../package/expect.mjs";
import { gate, together } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";
import { watching } from "../package/watching.mjs";
import { Client, serving } from "./client.mjs";
import { routesOf } from "./routes.mjs";

const SECRET = "the secret of the application, of 32 or more bytes";
const FOREIGN = "the secret of another application, of 32 or more";

/** Stands in what a storage rejects with, and must never reach a client. */
const SECRET_HOST = "secret-host:6379";

/** Node answers 431 to longer headers than this unless it is told otherwise. */
export const MAX_HEADER_BYTES = 131_072;

/**
 * Checks the adapter to a framework.
 *
 * `start({ app, routes, onError })` answers a server of `node:http` that does not listen yet, or a promise of one. It
 * serves `routes` (see routes.mjs) with the sessions of `app`, and takes headers of `MAX_HEADER_BYTES` if it can. Whatever
 * error comes to the framework's own error handling is given to `onError`, and answered with 500.
 *
 * @param {string} name
 * @param {(given: { app, routes, onError }) => import("node:http").Server | Promise<import("node:http").Server>} start
 * @param {{ storesWhatThrew?: boolean, failsAlone?: boolean, throwsAlone?: boolean }} [differences] `storesWhatThrew`: what a
 *   handler changed before it threw is stored, since the framework tells a middleware nothing of it. `failsAlone`, `throwsAlone`:
 *   no header of the adapter can go with the answer to a session that could not be stored, or to what a handler threw. Default:
 *   false.
 */
export function checkAdapter(
  name,
  start,
  { storesWhatThrew = false, failsAlone = false, throwsAlone = false } = {},
) {
  const served = (work) => async () => {
    const [storage, carts] = [0, 1].map(() => watching(new SessionStorageMemory()));
    const app = sessions({
      user: cookie("sid", storage, { secrets: [SECRET] }),
      cart: cookie("cart", carts),
      api: header("X-Session", storage, { rolling: true }),
    });
    const open = async () => {};
    const state = { loaded: open, streamed: open, thrown: new Error("of the handler") };
    const errors = [];
    const given = { app, routes: routesOf(state), onError: (error) => errors.push(error) };
    await serving(await start(given), (client) => work({ client, storage, carts, state, errors }));
  };

  describe(name, () => {
    it(
      "a route that does not ask costs no call of the storage and sets no cookie",
      served(async ({ client, storage }) => {
        await client.json("/count");
        const calls = { ...storage.calls };
        const response = await client.send("/untouched");
        equal(await response.json(), "untouched");
        same([...response.headers.getSetCookie()], []);
        equal(response.headers.get("cache-control"), null);
        same(storage.calls, calls, "calls of the storage");
      }),
    );

    it(
      "S1_200_parallel_requests_add_200_keys",
      served(async ({ client, state }) => {
        await client.json("/key?key=first");
        state.loaded = together(200);
        await each(200, (index) => client.json(`/key?key=${index}`));
        const value = await client.json("/value");
        equal(Object.keys(value).length, 201, "keys");
        for (let index = 0; index < 200; index += 1) equal(value[index], true, `key ${index}`);
      }),
    );

    it(
      "S1_200_parallel_updates_count_to_200",
      served(async ({ client, state }) => {
        await client.send("/login?name=Ada");
        state.loaded = together(200);
        await each(200, () => client.json("/count"));
        same(await client.json("/value"), { name: "Ada", count: 200 });
      }),
    );

    it(
      "S2_a_logout_among_slow_requests_is_final",
      served(async ({ client, state }) => {
        // How many of the slow ones end before the logout, how many beside it; the others end after it.
        for (const [before, beside] of [
          [0, 0],
          [0, 9],
          [3, 3],
          [0, 5],
          [9, 0],
        ]) {
          await client.send("/login?name=Ada");
          const allLoaded = gate();
          const wait = together(9);
          const gates = Array.from({ length: 9 }, gate);
          state.loaded = async (query) => {
            wait().then(allLoaded.open);
            await gates[query.get("key")].opened;
          };
          const clients = gates.map(() => client.clone());
          // One that has moved before the logout is another session by then.
          const path = (index) => (index % 3 === 0 && index >= before + beside ? "/move" : "/key");
          const slow = clients.map((one, index) => one.send(`${path(index)}?key=${index}`));
          await allLoaded.opened;
          const loggedIn = client.clone();

          for (const { open } of gates.slice(0, before)) open();
          await Promise.all(slow.slice(0, before));
          const logout = client.send("/logout");
          for (const { open } of gates.slice(before, before + beside)) open();
          const answer = await logout;
          matches(answer.headers.getSetCookie()[0], /^sid=; Max-Age=0;/);
          for (const { open } of gates.slice(before + beside)) open();
          for (const { status } of await Promise.all(slow)) equal(status, 200);

          for (const one of [client, loggedIn, ...clients]) equal(await one.json("/value"), null);
        }
      }),
    );

    it(
      "S3_a_login_gives_another_id_and_the_old_one_is_dead",
      served(async ({ client }) => {
        await client.json("/count");
        const before = client.clone();
        const response = await client.send("/login?name=Ada");
        equal(response.status === 302 || response.status === 303, true, "a redirect");
        equal(new URL(response.headers.get("location"), client.origin).pathname, "/value");
        matches(response.headers.getSetCookie()[0], /^sid=s%3A[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
        equal(response.headers.get("cache-control"), 'private, no-cache="set-cookie"');
        equal(client.cookie === before.cookie, false, "the cookie is another one");
        same(await client.json("/value"), { count: 1, name: "Ada" });
        equal(await before.json("/value"), null);
        equal(before.cookie.startsWith("sid="), true, "no cookie is taken away, it might be the new one");
      }),
    );

    it(
      "S3_cookies_that_nobody_gave_are_no_session_and_no_failure",
      served(async ({ client, storage, errors }) => {
        await client.send("/login?name=Ada");
        const [, signed] = client.cookie.split("sid=");
        const id = decodeURIComponent(signed).slice(2).split(".")[0];
        const forged = `s:${id}.${new Signer([SECRET]).sign(`${id}x`).split(".")[1]}`;
        const headers = {
          "an id without its signature": `sid=${id}`,
          "an id signed by another application": `sid=${encodeURIComponent(new Signer([FOREIGN]).sign(id))}`,
          "an id with another one's signature": `sid=${encodeURIComponent(forged)}`,
          "a signed id that is not stored": `sid=${encodeURIComponent(new Signer([SECRET]).sign("unknown"))}`,
          "two of a name, none of which is ours": `sid=none; sid=${encodeURIComponent(forged)}`,
          "broken escapes": "sid=%E0%A4%A; %=%; sid%3D=%",
          "no pairs": ";;; = ;sid",
          "64 KiB": `sid=${"x".repeat(65_536)}`,
        };
        for (const [what, header] of Object.entries(headers)) {
          const stranger = new Client(client.origin);
          const response = await stranger.send("/value", { headers: { cookie: header } });
          if ([400, 431].includes(response.status)) {
            equal(what, "64 KiB");
            continue;
          }
          equal(response.status, 200, what);
          equal(await response.json(), null, what);
          const counted = new Client(client.origin);
          same(await counted.json("/count", { headers: { cookie: header } }), { count: 1 }, what);
          equal(counted.cookie.includes(id), false, `${what}: the id is adopted`);
          equal(counted.cookie.includes("unknown"), false, `${what}: the id is adopted`);
        }
        // One that a neighbouring host has put before ours.
        const tossed = { headers: { cookie: `sid=none; sid=${signed}` } };
        same(await new Client(client.origin).json("/value", tossed), { name: "Ada" });
        same(await client.json("/value"), { name: "Ada" });
        equal(await storage.memory.get("unknown"), undefined);
        equal(errors.length, 0, "errors");
      }),
    );

    it(
      "a redirect goes out after its session is stored",
      served(async ({ client, storage }) => {
        const [reached, waits] = [gate(), gate()];
        storage.instead.set = async (...given) => {
          reached.open();
          await waits.opened;
          return storage.memory.set(...given);
        };
        let arrived = false;
        const redirect = client.send("/login?name=Ada").then(() => (arrived = true));
        await reached.opened;
        // Another whole request is long enough for a response that does not wait.
        await new Client(client.origin).json("/untouched");
        equal(arrived, false, "the redirect arrived");
        waits.open();
        await redirect;
        same(await client.json("/value"), { name: "Ada" });
      }),
    );

    it(
      "a streamed body carries the cookie in its headers, and can commit what comes later",
      served(async ({ client, state }) => {
        const waits = gate();
        state.streamed = () => waits.opened;
        const response = await client.send("/stream");
        matches(response.headers.getSetCookie()[0], /^sid=/);
        same(await client.json("/value"), { pieces: 0 });
        waits.open();
        equal(await response.text(), "first last");
        same(await client.json("/value"), { pieces: 1 });
        equal(state.late, "ERR_SESSION_CLOSED", "regenerate() after the headers");
      }),
    );

    it(
      "cookies of the application and of several sessions are all kept",
      served(async ({ client }) => {
        const response = await client.send("/theme");
        equal(await response.json(), "dark");
        const lines = response.headers.getSetCookie();
        same(lines.map((line) => line.split("=", 1)[0]).sort(), ["sid", "theme"]);
        const both = await new Client(client.origin).send("/both");
        same(
          both.headers
            .getSetCookie()
            .map((line) => line.split("=", 1)[0])
            .sort(),
          ["cart", "sid"],
        );
      }),
    );

    it(
      "a session in a header of its own comes with each change",
      served(async ({ client }) => {
        const first = await client.send("/api");
        same(await first.json(), { calls: 1 });
        const id = first.headers.get("x-session");
        matches(id, /^[\w-]{43}$/);
        equal(first.headers.get("cache-control"), 'private, no-cache="set-cookie"');
        const second = await client.send("/api", { headers: { "x-session": id } });
        same([await second.json(), second.headers.get("x-session")], [{ calls: 2 }, id]);
        equal(client.cookie, "");
      }),
    );

    for (const [when, method, path] of [
      ["loaded", "get", "/value"],
      ["stored", "set", "/count"],
      ["stored under another id", "set", "/login?name=Bob"],
      ["ended", "invalidate", "/logout"],
    ]) {
      it(
        `S6_a_session_that_cannot_be_${when}_is_an_error_for_the_application_alone`,
        served(async ({ client, storage, errors }) => {
          await client.send("/login?name=Ada");
          const before = client.cookie;
          storage.instead[method] = () => Promise.reject(new Error(`${SECRET_HOST} refused`));
          const response = await client.send(path);
          const text = await response.text();
          equal(response.status, 500);
          same([...response.headers.getSetCookie()], []);
          equal(response.headers.get("location"), null);
          for (const ours of [SECRET_HOST, "storage of sessions", "ERR_SESSION"]) {
            equal(text.includes(ours), false, `${JSON.stringify(text)} tells of ${ours}`);
          }
          same(
            errors.map(({ code, cause }) => [code, cause?.message]),
            [["ERR_SESSION_STORAGE", `${SECRET_HOST} refused`]],
            "what the application is told",
          );
          delete storage.instead[method];
          equal(client.cookie, before);
          // A logout that failed halfway leaves nobody in.
          same(await client.json("/value"), method === "invalidate" ? null : { name: "Ada" });
        }),
      );
    }

    it(
      `what a handler changed before it threw is ${storesWhatThrew ? "" : "not "}stored`,
      served(async ({ client, state, errors }) => {
        await client.send("/login?name=Ada");
        const response = await client.send("/throws");
        equal(response.status, 500);
        await response.text();
        same(await client.json("/value"), {
          name: "Ada",
          ...(storesWhatThrew ? { half: "done" } : undefined),
        });
        const stranger = new Client(client.origin);
        await stranger.text("/throws");
        equal(stranger.cookie !== "", storesWhatThrew, "a new session");
        equal(errors.length, 2);
        for (const error of errors) equal(error, state.thrown);
      }),
    );

    it(
      "what was committed before a handler threw stays stored",
      served(async ({ client }) => {
        await client.send("/login?name=Ada");
        const response = await client.send("/commits-and-throws");
        equal(response.status, 500);
        await response.text();
        same(await client.json("/value"), { name: "Ada", attempts: 1 });
      }),
    );

    it(
      "S3_who_has_got_another_id_is_told_of_it_whatever_comes_after",
      served(async ({ client, carts }) => {
        carts.instead.set = () => Promise.reject(new Error("down"));
        for (const [path, isLost] of [
          ["/moves-and-throws", throwsAlone],
          ["/moves-beside", failsAlone],
        ]) {
          await client.send("/login?name=Ada");
          const before = client.cookie;
          const response = await client.send(path);
          equal(response.status, 500, path);
          await response.text();
          equal(client.cookie !== before, !isLost, path);
          same(await client.json("/value"), isLost ? null : { name: "Ada" }, path);
        }
      }),
    );

    it(
      "a client that goes away takes nobody with it",
      served(async ({ client, storage, state }) => {
        await client.send("/login?name=Ada");
        const [reached, waits, stored] = [gate(), gate(), gate()];
        state.loaded = async () => {
          reached.open();
          await waits.opened;
        };
        storage.instead.set = async (...given) => {
          const revision = await storage.memory.set(...given);
          stored.open();
          return revision;
        };
        const aborts = new AbortController();
        const gone = client.send("/key?key=gone", { signal: aborts.signal }).catch((error) => error.name);
        await reached.opened;
        aborts.abort();
        equal(await gone, "AbortError");
        waits.open();
        await stored.opened;
        same(await client.json("/value"), { name: "Ada", gone: true });
      }),
    );
  });
}

/** Does something so many times at once. */
function each(count, work) {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}
