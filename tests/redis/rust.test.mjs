// The crate's storage (its feature `redis`) and this one on one server: the same keys, records and scripts.
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { RedisStorage } from "sessile/redis";
import { equal, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { startServer } from "./servers.mjs";

const TIMES = 200;
const HOUR = 3_600_000;
const id = "a-shared-session";

/** What stands at a place in the contents of these tests, on both sides. */
function pattern(length) {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + Math.floor(at / 251) + length) % 256);
}

/** The crate's own program (`tests/peer/redis_peer.rs`) at a task; `next()` answers its next line. */
function startPeer(task, args) {
  const program = process.env.REDIS_PEER;
  if (program === undefined) throw new Error("REDIS_PEER must name the program `redis_peer` of the crate");
  const child = spawn(program, [task, ...args.map(String)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async next() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the crate's program ended at ${task}`);
      return value;
    },
    goOn: () => child.stdin.end("\n"),
  };
}

const inPeer = (task, args) => startPeer(task, args).next();

const together = (name, body) => async () => {
  const server = await startServer();
  const client = await libraries[name].connect(server.url);
  try {
    await body(new RedisStorage(client), server.url, server);
  } finally {
    libraries[name].end(client);
    await server.end();
  }
};

const streamed = (storage) =>
  storage.read(id, async (channel) => new Uint8Array(await new Response(channel).arrayBuffer()));

describe("a server shared with the crate", () => {
  for (const length of [0, 1, 65_536, 65_537, 1_000_000]) {
    for (const task of ["set", "write"]) {
      it(
        `C9_${length} bytes by its ${task} are read here, and the other way round`,
        together("redis", async (storage, url) => {
          const revision = await inPeer(task, [url, id, length]);
          const { data, info } = await storage.get(id);
          same(
            [info.revision, info.byteLength, [...info.tags]],
            [revision, length, ["peer", "größer"]],
            "info",
          );
          equal(info.expiresAt, info.createdAt + HOUR, "expiresAt");
          same(data, pattern(length), "content");
          same(await streamed(storage), pattern(length), "content that is streamed");

          const options = { tags: ["one", "größer"], absoluteTimeout: HOUR, idleTimeout: null };
          const own = pattern(length + 1);
          const next =
            task === "set"
              ? await storage.set(id, own, options)
              : await storage.write(id, (channel) => new Blob([own]).stream().pipeTo(channel), options);
          equal(
            await inPeer("read", [url, id]),
            [next, length + 1, true, info.createdAt, info.createdAt + HOUR, "one,größer"].join(" "),
            "what the crate reads",
          );
        }),
      );
    }
  }

  for (const name of Object.keys(libraries)) {
    it(
      `C5_both count in one session, here by ${name}, and lose nothing`,
      together(name, async (storage, url) => {
        await storage.set(id, "0");
        const peer = inPeer("count", [url, id, TIMES]);
        let conflicts = 0;
        for (let round = 0; round < TIMES;) {
          const { data, info } = await storage.get(id);
          const next = Number(new TextDecoder().decode(data)) + 1;
          try {
            await storage.set(id, String(next), { ifRevision: info.revision });
            round += 1;
          } catch (error) {
            equal(error.code, "ERR_SESSION_CONFLICT", error.message);
            conflicts += 1;
          }
        }
        // Each of them was in the other's way, or the test shows nothing.
        equal(conflicts + Number(await peer) > 0, true, "whether they met");
        equal(new TextDecoder().decode((await storage.get(id)).data), String(2 * TIMES), "the count");
      }),
    );
  }

  it(
    "C5_each sees the other's revisions",
    together("redis", async (storage, url) => {
      const first = await storage.set(id, "first");
      const second = await inPeer("replace", [url, id, first]);
      equal(await inPeer("replace", [url, id, first]), "Conflict", "a late update there");
      const late = await rejection(storage.set(id, "late", { ifRevision: first }));
      equal(late.code, "ERR_SESSION_CONFLICT", "a late update here");
      await storage.set(id, "third", { ifRevision: second });
      equal(new TextDecoder().decode((await storage.get(id)).data), "third", "the content");
    }),
  );

  it(
    "C13_tags of either side are listed and invalidated by the other",
    together("redis", async (storage, url) => {
      await inPeer("set", [url, "theirs", 5]);
      await storage.set("ours", "content", { tags: ["größer"] });
      const listed = [];
      for await (const info of storage.listTagged("größer")) listed.push([...info.tags].join());
      same(listed.sort(), ["größer", "peer,größer"], "listed here");
      equal(await inPeer("tagged", [url, "-", "größer"]), "2", "listed there");
      equal(await storage.invalidateTagged("peer"), 1, "invalidated here");
      equal(await inPeer("read", [url, "theirs"]), "missing", "afterwards there");
      equal(await inPeer("invalidate-tagged", [url, "-", "größer"]), "1", "invalidated there");
      equal(await storage.get("ours"), undefined, "afterwards here");
    }),
  );

  it(
    "C4_an invalidate there is final for a write that began here",
    together("redis", async (storage, url) => {
      await storage.set(id, "before");
      for (const bytes of [10, 300_000]) {
        const write = storage.write(id, async (channel) => {
          await channel.getWriter().write(new Uint8Array(bytes));
          await inPeer("invalidate", [url, id]);
        });
        equal((await rejection(write)).code, "ERR_SESSION_CONFLICT", `${bytes} bytes`);
        equal(await storage.get(id), undefined, "the session");
      }
    }),
  );

  it(
    "C4_an invalidate here is final for a write that began there",
    together("redis", async (storage, url) => {
      await storage.set(id, "before");
      for (const bytes of [10, 300_000]) {
        const peer = startPeer("late", [url, id, bytes]);
        equal(await peer.next(), "begun", "the write");
        await storage.invalidate(id);
        peer.goOn();
        equal(await peer.next(), "Conflict", `${bytes} bytes`);
        equal(await storage.get(id), undefined, "the session");
      }
    }),
  );

  it(
    "C7_a touch there is activity here",
    together("redis", async (storage, url) => {
      await storage.set(id, "content", { idleTimeout: HOUR });
      const before = await storage.info(id);
      equal(await inPeer("touch", [url, id]), "true", "a touch");
      const after = await storage.info(id);
      equal(after.expiresAt > before.expiresAt, true, "whether it lives longer");
      equal(after.revision, before.revision, "the revision");
      equal(await inPeer("invalidate", [url, id]), "true", "an invalidate");
      equal(await inPeer("touch", [url, id]), "false", "a touch afterwards");
    }),
  );

  it(
    "the server has each script once for both",
    together("redis", async (storage, url, server) => {
      const count = async () =>
        /number_of_cached_scripts:(\d+)/.exec(await server.command("INFO", "memory"))[1];
      // It asks for the server's time first.
      await storage.invalidate("nobody");
      await storage.set(id, new Uint8Array(300_000), { tags: ["peer"] });
      await storage.touch(id);
      await storage.invalidateTagged("peer");
      const before = await count();
      equal(Number(before) >= 4, true, "whether scripts are counted");
      await inPeer("write", [url, id, 300_000]);
      await inPeer("touch", [url, id]);
      equal(await inPeer("invalidate-tagged", [url, "-", "peer"]), "1", "the session");
      equal(await count(), before, "the server's scripts");
    }),
  );

  it(
    "C6_a content that streams through the crate never stands in its memory",
    together("redis", async (storage, url) => {
      const kilobytes = Number(await inPeer("stream", [url, id, 100]));
      equal((await storage.info(id)).byteLength, 100_000_000, "the length");
      if (!(kilobytes < 30_000)) throw new Error(`${kilobytes} KB for 100,000 KB`);
    }),
  );
});
