import http from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { SessionStorageMemory } from "sessile";
import { betterAuthStorage } from "sessile/stores";
import { equal, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { serving } from "./client.mjs";
import { bare, describeWithStorages, storageCase } from "./stores.mjs";

const ORIGIN = "http://localhost";

/** better-auth over a database in memory that holds no session. */
function authOver(secondaryStorage, options = {}) {
  return betterAuth({
    baseURL: ORIGIN,
    secret: "a secret of the tests, which is long enough",
    database: memoryAdapter({ user: [], account: [], session: [], verification: [] }),
    emailAndPassword: { enabled: true },
    logger: { disabled: true },
    telemetry: { enabled: false },
    secondaryStorage,
    ...options,
  });
}

async function withAuth(auth, work) {
  const server = http.createServer(toNodeHandler(auth));
  await serving(server, async (client) => {
    const post = (from, path, body = {}) =>
      from.send(`/api/auth${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: ORIGIN },
        body: JSON.stringify(body),
      });
    const session = (from) => from.json("/api/auth/get-session");
    await work(client, post, session);
  });
}

const ADA = { email: "ada@example.org", password: "the analytical engine", name: "Ada" };

describeWithStorages("better-auth's storage", (withStorage) => {
  const onStorage = storageCase(withStorage);

  onStorage("sign-up, sign-in, the list of sessions, sign-out", (storage) =>
    withAuth(authOver(betterAuthStorage(storage)), async (client, post, session) => {
      const [phone, desk] = [client.clone(), client.clone()];
      equal((await post(phone, "/sign-up/email", ADA)).status, 200);
      equal((await session(phone)).user.name, "Ada");
      equal((await post(desk, "/sign-in/email", ADA)).status, 200);
      equal((await desk.json("/api/auth/list-sessions")).length, 2);
      const stolen = phone.clone();
      equal((await post(phone, "/sign-out")).status, 200);
      equal(await session(stolen), null);
      equal((await desk.json("/api/auth/list-sessions")).length, 1);
      equal((await post(desk, "/revoke-sessions")).status, 200);
      equal(await session(desk), null);
    }),
  );

  onStorage("a password reset's token is taken once, by one of many", async (storage) => {
    const tokens = [];
    const sendResetPassword = async ({ token }) => void tokens.push(token);
    const auth = authOver(betterAuthStorage(storage), {
      emailAndPassword: { enabled: true, sendResetPassword },
    });
    await withAuth(auth, async (client, post) => {
      await post(client, "/sign-up/email", ADA);
      await post(client, "/request-password-reset", { email: ADA.email, redirectTo: "/" });
      const resets = Array.from({ length: 20 }, (_, index) =>
        post(client.clone(), "/reset-password", { token: tokens[0], newPassword: `a new password ${index}` }),
      );
      const statuses = (await Promise.all(resets)).map(({ status }) => status);
      equal(statuses.filter((status) => status === 200).length, 1);
    });
  });

  onStorage("its rate limit counts each request of many at the same time", async (storage) => {
    const auth = authOver(betterAuthStorage(storage), {
      rateLimit: { enabled: true, storage: "secondary-storage", window: 60, max: 10 },
      advanced: { ipAddress: { ipAddressHeaders: ["x-client"] } },
    });
    await withAuth(auth, async (client) => {
      const headers = { "x-client": "203.0.113.7" };
      const asking = Array.from({ length: 40 }, () =>
        client.clone().send("/api/auth/get-session", { headers }),
      );
      const statuses = (await Promise.all(asking)).map(({ status }) => status);
      equal(statuses.filter((status) => status === 200).length, 10);
      equal(statuses.filter((status) => status === 429).length, 30);
    });
  });

  onStorage("200 parallel increments are 200", async (storage) => {
    const { increment, get } = betterAuthStorage(storage);
    const sums = await Promise.all(Array.from({ length: 200 }, () => increment("hits", 60)));
    same(
      sums.sort((one, other) => one - other),
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
    equal(await get("hits"), "200");
  });

  onStorage("increments by several who share a storage lose nothing of each other", async (storage) => {
    // Storage objects of their own, so that no turns in this process help.
    const shared = Array.from({ length: 4 }, () => betterAuthStorage(bare(storage)));
    const adding = Array.from({ length: 200 }, (_, index) => shared[index % 4].increment("hits", 60));
    equal(new Set(await Promise.all(adding)).size, 200);
    equal(await shared[0].get("hits"), "200");
  });

  onStorage("of 100 parallel getAndDelete one has the value", async (storage) => {
    const shared = Array.from({ length: 4 }, () => betterAuthStorage(bare(storage)));
    for (const round of ["one", "two", "three"]) {
      await shared[0].set("token", round, 60);
      const taking = Array.from({ length: 100 }, (_, index) => shared[index % 4].getAndDelete("token"));
      const taken = (await Promise.all(taking)).filter((value) => value !== null);
      same(taken, [round]);
      equal(await shared[1].get("token"), null);
    }
  });

  onStorage("what is set while it is taken is taken or stays, and is not lost", async (storage) => {
    const { set, get, getAndDelete } = betterAuthStorage(storage);
    for (let round = 0; round < 50; round += 1) {
      await set("key", `old ${round}`);
      const [taken] = await Promise.all([getAndDelete("key"), set("key", `new ${round}`)]);
      const left = await get("key");
      const isWhole =
        taken === `old ${round}` ? left === `new ${round}` : taken === `new ${round}` && left === null;
      equal(isWhole, true, `taken ${taken}, left ${left}`);
    }
  });

  onStorage("C4_a_set_that_is_under_way_when_its_key_is_deleted_brings_nothing_back", async (storage) => {
    const { set, get, delete: remove } = betterAuthStorage(storage);
    for (let round = 0; round < 20; round += 1) {
      await set("key", "value");
      const setting = set("key", "late");
      await remove("key");
      await setting;
      equal(await get("key"), null);
      const removing = remove("key");
      await set("key", "may be gone"); // but it is no error
      await removing;
    }
  });

  onStorage("get, set, delete; a prefix", async (storage) => {
    const one = betterAuthStorage(storage, { prefix: "one:" });
    const other = betterAuthStorage(storage, { prefix: "other:" });
    equal(await one.get("key"), null);
    await one.set("key", "value");
    equal(await one.get("key"), "value");
    equal(await other.get("key"), null);
    equal(await other.getAndDelete("key"), null);
    await other.delete("key");
    equal(await one.get("key"), "value");
    await one.delete("key");
    equal(await one.get("key"), null);
  });
});

describe("better-auth's storage and time", () => {
  function timed(options) {
    let now = 1_800_000_000_000;
    const clock = () => now;
    const storage = new SessionStorageMemory({ clock, ...options });
    return { ...betterAuthStorage(storage, { clock }), pass: (seconds) => (now += seconds * 1_000) };
  }

  it("a value lives for its seconds, and without any for ever, whatever the storage's timeouts are", async () => {
    const { set, get, pass } = timed({ idleTimeout: "1m", absoluteTimeout: "2m" });
    await set("short", "value", 10);
    await set("long", "value", 300);
    await set("for ever", "value");
    pass(9.999);
    equal(await get("short"), "value");
    pass(0.001);
    equal(await get("short"), null);
    pass(280);
    equal(await get("long"), "value");
    pass(10);
    equal(await get("long"), null);
    pass(1_000_000);
    equal(await get("for ever"), "value");
  });

  it("a ttl of zero or less is over, not for ever", async () => {
    const { set, get } = timed();
    for (const ttl of [0, -1]) {
      await set("key", "value", 60);
      await set("key", "value", ttl);
      equal(await get("key"), null);
    }
  });

  it("setting a value again begins its time anew, or ends it", async () => {
    const { set, get, increment, pass } = timed();
    await increment("key", 10);
    pass(5);
    await set("key", "value", 10);
    pass(9);
    equal(await get("key"), "value");
    await set("key", "value");
    pass(1_000);
    equal(await get("key"), "value");
  });

  it("a counter's window begins with the first and is not moved by the others", async () => {
    const { increment, pass } = timed({ idleTimeout: "1s" });
    const sums = [];
    for (let second = 0; second < 25; second += 1) {
      sums.push(await increment("hits", 10));
      pass(1);
    }
    same(sums, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5]);
  });

  it("a counter that begins where a value was just taken has its whole window", async () => {
    const { set, get, getAndDelete, increment, pass } = timed();
    await set("key", "value", 100);
    pass(50);
    equal(await getAndDelete("key"), "value");
    equal(await get("key"), null);
    equal(await getAndDelete("key"), null);
    equal(await increment("key", 10), 1);
    pass(9.999);
    equal(await increment("key", 10), 2);
    pass(0.001);
    equal(await increment("key", 10), 1);
  });

  it("a key is a string", async () => {
    const { get, set } = betterAuthStorage(new SessionStorageMemory());
    equal((await rejection(get(undefined))).code, "ERR_SESSION_INVALID_ID");
    equal((await rejection(set(17, "value"))).code, "ERR_SESSION_INVALID_ID");
  });

  it("refuses what makes no sense", async () => {
    const memory = new SessionStorageMemory();
    const { set, increment } = betterAuthStorage(memory);
    await set("text", "no number");
    const refused = [
      () => betterAuthStorage(),
      () => betterAuthStorage(memory, null),
      () => betterAuthStorage(memory, { prefix: 17 }),
      () => betterAuthStorage(memory, { clock: 17 }),
      () => betterAuthStorage(bare(memory, { conditional: false })),
      () => set("key", 17),
      () => set("key", ""),
      () => set("key", "value", NaN),
      () => set("key", "value", "60"),
      () => increment("key", 0),
      () => increment("key"),
      () => increment("text", 60),
    ];
    for (const [index, call] of refused.entries()) {
      const error = await rejection(Promise.resolve().then(call));
      equal(error.code, "ERR_SESSION_INVALID_OPTION", `case ${index}`);
    }
  });
});
