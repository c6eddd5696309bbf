// Servers that are down, full, read-only, half dead or gone in the middle, and connections that break: a typed error within the
// caller's timeout, and the next call works when the server does.
import { createHash } from "node:crypto";
import { RedisStorage } from "sessile/redis";
import { equal, matches, rejection } from "../package/expect.mjs";
import { gate } from "../package/gates.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { startProxy } from "./proxy.mjs";
import { freePort, startServer, until } from "./servers.mjs";

const TIMEOUT = 400;
const keyOf = (id) => `sessile:{${createHash("sha256").update(id).digest("base64url")}}`;

/** Rejects with this code, and not much later than the timeout. */
async function fails(call, code, what) {
  const began = performance.now();
  const error = await rejection(call());
  const took = performance.now() - began;
  equal(error.code, code, `${what}: code of ${error.message}`);
  equal(error.name, "SessionError", what);
  // Generous: the machine may be busy. What hangs takes for ever.
  if (took > TIMEOUT + 1_500) throw new Error(`${what}: it took ${took} ms`);
  matches(
    JSON.stringify(Object.getOwnPropertyNames(error.cause ?? {})),
    /^(?!.*command)/,
    `${what}: the cause`,
  );
  return error;
}

/** Tries until the client has found the server again. */
async function works(storage, what) {
  let last;
  for (let attempt = 0; attempt < 40; attempt += 1) {
    try {
      await storage.set("works", "works");
      equal(String((await storage.get("works")).data), String(new TextEncoder().encode("works")), what);
      return;
    } catch (error) {
      last = error;
      equal(error.code, "ERR_SESSION_STORAGE", `${what}: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw last;
}

for (const [name, library] of Object.entries(libraries)) {
  const withServer = (settings, body) => async () => {
    const server = await startServer(settings);
    const clients = [];
    try {
      await body({
        server,
        open: async (url = server.url, options = {}, how = {}) => {
          const client = await library.connect(url, how);
          clients.push(client);
          return new RedisStorage(client, { timeout: TIMEOUT, ...options });
        },
      });
    } finally {
      for (const client of clients) library.end(client);
      await server.end();
    }
  };
  const withProxy = (body) =>
    withServer({}, async ({ server, open }) => {
      const proxy = await startProxy(server);
      try {
        await body({ server, proxy, through: await open(proxy.url), direct: await open(), open });
      } finally {
        await proxy.end();
      }
    });

  describe(`${name} with`, () => {
    it(
      "a connection that is slow, and brings its answers in crumbs",
      withProxy(async ({ proxy, through, direct }) => {
        const large = crypto.getRandomValues(new Uint8Array(60_000)).map((byte) => byte % 13);
        const huge = new Uint8Array(700_000).map((_, at) => at % 251);
        const same = ({ data }, bytes) =>
          data.length === bytes.length && data.every((byte, at) => byte === bytes[at]);
        proxy.slow(5, 97);
        const revision = await through.set("id", large, { tags: ["user:17"] });
        equal(same(await through.get("id"), large), true, "a whole session");
        await through.set("id", huge, { ifRevision: revision });
        proxy.slow(5, 5_001);
        equal(same(await through.get("id"), huge), true, "a session in pieces");
        equal(await through.invalidateTagged("user:17"), 1);
        equal(await direct.get("id"), undefined);

        proxy.slow(3 * TIMEOUT, 97);
        await fails(() => through.get("id"), "ERR_SESSION_STORAGE", "a read");
        await fails(() => through.set("id", "late"), "ERR_SESSION_STORAGE", "a write");
        await fails(() => through.invalidate("id"), "ERR_SESSION_STORAGE", "a logout");
        proxy.slow(0, 65_536);
        await works(through, "once it is fast again");
      }),
    );

    it(
      "a client that was closed",
      withServer({}, async ({ server }) => {
        const client = await library.connect(server.url);
        const storage = new RedisStorage(client, { timeout: 60_000 });
        await storage.set("id", "content");
        library.end(client);
        await fails(() => storage.get("id"), "ERR_SESSION_STORAGE", "get()");
      }),
    );

    it("a server that is down at the start", async () => {
      const port = await freePort();
      const client = library.connecting(`redis://127.0.0.1:${port}`);
      const storage = new RedisStorage(client, { timeout: TIMEOUT });
      const calls = {
        get: () => storage.get("id"),
        set: () => storage.set("id", "content"),
        write: () => storage.write("id", () => undefined),
        read: () => storage.read("id", () => undefined),
        invalidate: () => storage.invalidate("id"),
        touch: () => storage.touch("id"),
        invalidateTagged: () => storage.invalidateTagged("tag"),
      };
      await Promise.all(
        Object.entries(calls).map(([what, call]) => fails(call, "ERR_SESSION_STORAGE", what)),
      );
      const server = await startServer({}, { port });
      try {
        await works(storage, "once it is up");
        equal(await storage.get("id"), undefined, "what was written while it was down");
      } finally {
        library.end(client);
        await server.end();
      }
    });

    it(
      "a server that dies and comes back",
      withServer({ appendonly: "yes", appendfsync: "always" }, async ({ server, open }) => {
        const storage = await open();
        await storage.set("id", "content");
        await server.stop();
        await fails(() => storage.get("id"), "ERR_SESSION_STORAGE", "get()");
        await fails(() => storage.set("id", "changed"), "ERR_SESSION_STORAGE", "set()");
        await server.start();
        await works(storage, "afterwards");
        // It is another process, which has not seen the scripts.
        equal(new TextDecoder().decode((await storage.get("id")).data), "content", "what was committed");
        equal(await storage.invalidate("id"), true, "invalidate()");
      }),
    );

    it(
      "a server that stands still",
      withServer({}, async ({ server, open }) => {
        const storage = await open();
        await storage.set("id", "content");
        server.signal("SIGSTOP");
        await fails(() => storage.get("id"), "ERR_SESSION_STORAGE", "get()");
        const late = await fails(() => storage.set("id", "late"), "ERR_SESSION_STORAGE", "set()");
        matches(late.message, /not known/, "its message");
        server.signal("SIGCONT");
        await works(storage, "afterwards");
        equal(
          new TextDecoder().decode((await storage.get("id")).data),
          "content",
          "a write that came too late is not done",
        );
      }),
    );

    it(
      "a server that is full",
      withServer({ maxmemory: "3mb", "maxmemory-policy": "noeviction" }, async ({ open }) => {
        const storage = await open();
        await storage.set("kept", "content", { tags: ["ada"] });
        let error;
        for (let count = 0; error === undefined && count < 400; count += 1) {
          error = await storage.set(`filler ${count}`, "x".repeat(60_000)).then(
            () => undefined,
            (reason) => reason,
          );
        }
        equal(error?.code, "ERR_SESSION_QUOTA", "set()");
        await fails(
          () => storage.set("large", new Uint8Array(300_000)),
          "ERR_SESSION_QUOTA",
          "set() of a large one",
        );
        await fails(
          () => storage.set("tagged", "x".repeat(60_000), { tags: ["bob"] }),
          "ERR_SESSION_QUOTA",
          "with tags",
        );
        equal(new TextDecoder().decode((await storage.get("kept")).data), "content", "what was there");
        equal(await storage.invalidate("kept"), true, "a logout");
        equal(await storage.get("kept"), undefined, "after it");
        for (let count = 0; count < 10; count += 1) await storage.invalidate(`filler ${count}`);
        await works(storage, "with room again");
      }),
    );

    it(
      "C4: a server that is full at a logout, which ends the writes that began before it",
      withServer({ "maxmemory-policy": "noeviction" }, async ({ server, open }) => {
        const storage = await open();
        const [isThere, isNot] = [gate(), gate()];
        await storage.set("there", "content");
        const begin = (id, held) => {
          const begun = gate();
          const writing = storage.write(id, async (channel) => {
            begun.open();
            await held.opened;
            await channel.getWriter().write(new Uint8Array([1]));
          });
          return begun.opened.then(() => ({ ended: rejection(writing) }));
        };
        const writes = { there: await begin("there", isThere), missing: await begin("missing", isNot) };
        await server.command("CONFIG", "SET", "maxmemory", "1");
        equal((await rejection(storage.set("there", "more"))).code, "ERR_SESSION_QUOTA", "set()");
        equal(await storage.invalidate("there"), true, "a logout");
        equal(await storage.invalidate("missing"), false, "a logout of a session that is not there");
        await server.command("CONFIG", "SET", "maxmemory", "0");
        isThere.open();
        isNot.open();
        for (const [id, { ended }] of Object.entries(writes)) {
          equal((await ended).code, "ERR_SESSION_CONFLICT", `the write of ${id}`);
          equal(await storage.get(id), undefined, `the session ${id}`);
        }
      }),
    );

    it(
      "a replica, which takes no writes",
      withServer({}, async ({ server, open }) => {
        const storage = await open(server.url, { idleTimeout: "1h" });
        await storage.set("id", "content");
        const replica = await startServer({ replicaof: `127.0.0.1 ${server.port}` });
        try {
          const follows = async () =>
            (await replica.command("INFO", "replication")).includes("master_link_status:up");
          await until(follows, "the replica does not follow");
          const there = await open(replica.url);
          equal(new TextDecoder().decode((await there.get("id")).data), "content", "get()");
          for (const [what, call] of Object.entries({
            set: () => there.set("id", "changed"),
            invalidate: () => there.invalidate("id"),
            touch: () => there.touch("id"),
          })) {
            matches(
              (await fails(call, "ERR_SESSION_STORAGE", what)).message,
              /replica/,
              `${what}: its message`,
            );
          }
          await replica.command("REPLICAOF", "NO", "ONE");
          await works(there, "once it is a master");
        } finally {
          await replica.end();
        }
      }),
    );

    it(
      "another program's value under a session's key",
      withServer({}, async ({ server, open }) => {
        const storage = await open();
        await server.command("LPUSH", keyOf("list"), "a value");
        await server.command("SET", keyOf("text"), "a value");
        for (const [what, call] of Object.entries({
          get: () => storage.get("list"),
          info: () => storage.info("list"),
          read: () => storage.read("list", () => undefined),
          set: () => storage.set("list", "content"),
          write: () => storage.write("list", () => undefined),
          invalidate: () => storage.invalidate("list"),
          touch: () => storage.touch("list"),
          "get of a text": () => storage.get("text"),
          "info of a text": () => storage.info("text"),
        })) {
          await fails(call, "ERR_SESSION_CORRUPT", what);
        }
        matches(await server.command("LLEN", keyOf("list")), /^:1/, "the value");
        await storage.set("text", "content");
        equal(
          new TextDecoder().decode((await storage.get("text")).data),
          "content",
          "what replaced the text",
        );
        await works(storage, "afterwards");
      }),
    );

    it(
      "a connection that stalls",
      withProxy(async ({ proxy, through, direct }) => {
        await through.set("id", "content");
        proxy.stall();
        await fails(() => through.get("id"), "ERR_SESSION_STORAGE", "get()");
        await fails(() => through.set("id", "stalled"), "ERR_SESSION_STORAGE", "set()");
        await fails(() => through.write("id", () => undefined), "ERR_SESSION_STORAGE", "write()");
        await direct.invalidate("id");
        proxy.goOn();
        await works(through, "afterwards");
        equal(await direct.get("id"), undefined, "a write that arrives late does not undo a logout");
      }),
    );

    it(
      "C9: a logout that arrives late, which ends nothing newer",
      withProxy(async ({ proxy, through, direct }) => {
        await through.set("id", "before", { tags: ["ada"] });
        // The server knows the script.
        await through.invalidate("other");
        proxy.stall();
        await fails(() => through.invalidate("id"), "ERR_SESSION_STORAGE", "invalidate()");
        await fails(() => through.invalidateTagged("ada"), "ERR_SESSION_STORAGE", "invalidateTagged()");
        await direct.set("id", "newer");
        proxy.goOn();
        await works(through, "afterwards");
        equal(new TextDecoder().decode((await direct.get("id")).data), "newer", "what was written meanwhile");
        equal(await through.invalidate("id"), true, "the next logout");
        equal(await direct.get("id"), undefined, "the session");
      }),
    );

    it(
      "C2: pieces that went with their revision, and pieces that were lost",
      withServer({}, async ({ server, open }) => {
        const storage = await open();
        const large = new Uint8Array(2 * 262_144);
        for (const [what, code, between] of [
          ["replaced", "ERR_SESSION_STORAGE", () => storage.set("id", "newer")],
          ["ended", "ERR_SESSION_STORAGE", () => storage.invalidate("id")],
          ["damaged", "ERR_SESSION_CORRUPT", () => undefined],
        ]) {
          const revision = await storage.set("id", large);
          const reading = storage.read("id", async (channel) => {
            const reader = channel.getReader();
            await reader.read();
            await between();
            const pieces = `${keyOf("id")}:${Buffer.from(revision, "base64url").toString("hex")}`;
            equal(await server.command("DEL", pieces), ":1\r\n", "how many were there");
            while (!(await reader.read()).done);
          });
          const error = await rejection(reading);
          equal(error.code, code, `${what}: ${error.message}`);
          if (what !== "damaged") matches(error.message, /replaced/, what);
        }
      }),
    );

    it(
      "C4: a write in a stream that began more than an hour ago by the server's clock",
      withServer({}, async ({ server }) => {
        const client = await library.connect(server.url);
        // Its own clock stands still meanwhile, as in a machine that is suspended.
        const suspended = new Proxy(client, {
          get(target, name) {
            const value = Reflect.get(target, name);
            if (name !== "sendCommand" && name !== "callBuffer")
              return typeof value === "function" ? value.bind(target) : value;
            return async (...given) => {
              const reply = await value.apply(target, given);
              const isBegin = Array.isArray(reply) && Buffer.isBuffer(reply[1]);
              return isBegin ? [Number(reply[0]) - ago, reply[1]] : reply;
            };
          },
        });
        let ago;
        const storage = new RedisStorage(suspended, { timeout: TIMEOUT });
        await storage.set("id", "content");
        const write = () => storage.write("id", (channel) => channel.getWriter().write(new Uint8Array([1])));
        ago = 3_600_001;
        const error = await rejection(write());
        equal(error.code, "ERR_SESSION_STORAGE", `code of ${error.message}`);
        matches(error.message, /an hour/, "its message");
        equal(new TextDecoder().decode((await storage.get("id")).data), "content", "the session");
        ago = 3_500_000;
        await write();
        equal((await storage.get("id")).data.length, 1, "one that began within the hour");
        library.end(client);
      }),
    );

    it(
      "a connection that is cut",
      withProxy(async ({ proxy, through }) => {
        await through.set("id", "content");
        for (let round = 0; round < 5; round += 1) {
          proxy.cut();
          await works(through, `round ${round}`);
        }
        equal(new TextDecoder().decode((await through.get("id")).data), "content", "the session");
      }),
    );

    it(
      "a connection that is cut once a write was done",
      withProxy(async ({ proxy, through, direct }) => {
        await through.set("id", "before");
        const { revision } = await direct.info("id");
        const cut = proxy.cutAfterNext();
        const writing = through.set("id", "after", { ifRevision: revision });
        await cut;
        // It was sent again, and recognised.
        const next = await writing;
        equal((await direct.info("id")).revision, next, "the revision");
        equal(new TextDecoder().decode((await direct.get("id")).data), "after", "the content");
      }),
    );

    it(
      "a write that is sent again after others have come between",
      withProxy(async ({ server, proxy, through, direct }) => {
        // The server does it, the answer is lost, and before the client sends it again others have been there.
        await through.set("warm", "it has asked for the server's time");
        for (const [what, between] of Object.entries({
          invalidate: () => direct.invalidate("id"),
          set: () => direct.set("id", "newer"),
          "invalidate and set": async () => {
            await direct.invalidate("id");
            await direct.set("id", "newer");
          },
          "invalidate on a full server": async () => {
            await server.command("CONFIG", "SET", "maxmemory", "1");
            await direct.invalidate("id");
            await server.command("CONFIG", "SET", "maxmemory", "0");
          },
        })) {
          await direct.set("id", "before");
          const cut = proxy.cutAfterNext();
          proxy.refuseNew();
          const writing = through.set("id", "older");
          await cut;
          await between();
          proxy.acceptNew();
          await writing;
          const found = await direct.get("id");
          const content = found === undefined ? undefined : new TextDecoder().decode(found.data);
          equal(content, what.endsWith("set") ? "newer" : undefined, what);
        }
        matches(await server.command("PING"), /PONG/, "the server");
      }),
    );

    it(
      "a write in pieces of which nobody knows whether it was done",
      withProxy(async ({ proxy, through, direct }) => {
        await through.set("id", "before");
        const length = 2 * 262_144;
        // The last two answers are those of a piece and of the commit.
        let cut;
        const writing = through.write("id", async (channel) => {
          const writer = channel.getWriter();
          await writer.write(new Uint8Array(length));
          cut = proxy.cutAfterNext();
          proxy.refuseNew();
        });
        const failed = fails(() => writing, "ERR_SESSION_STORAGE", "the write");
        await until(() => cut !== undefined);
        await cut;
        await failed;
        proxy.acceptNew();
        await works(through, "afterwards");
        equal((await direct.get("id")).data.length, length, "the content, since the server had done it");
      }),
    );

    it(
      "another program's value among the sessions of a tag",
      withServer({}, async ({ server, open }) => {
        const storage = await open();
        for (const id of ["one", "foreign", "other"]) await storage.set(id, "content", { tags: ["ada"] });
        await server.command("DEL", keyOf("foreign"));
        await server.command("LPUSH", keyOf("foreign"), "value");
        const listed = [];
        for await (const info of storage.listTagged("ada")) listed.push(info);
        equal(listed.length, 2, "sessions that are listed");
        equal(await storage.invalidateTagged("ada"), 2, "sessions that ended");
        equal(await storage.get("one"), undefined, "one");
        equal(await storage.get("other"), undefined, "the other");
        matches(await server.command("TYPE", keyOf("foreign")), /list/, "what is foreign");
      }),
    );

    it(
      "an invalidate that is sent again",
      withProxy(async ({ proxy, through, direct }) => {
        await direct.set("id", "content");
        const cut = proxy.cutAfterNext();
        const ending = through.invalidate("id");
        await cut;
        equal(await ending, true, "whether a session was there");
        equal(await direct.get("id"), undefined, "the session");
      }),
    );
  });
}
