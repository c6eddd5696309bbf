// A commit that finds a session's record as it was seen last: one short script. All else is as if there were no such way.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { RedisStorage } from "sessile/redis";
import { equal, rejection } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { ask, startCluster, startServer } from "./servers.mjs";

const server = await startServer();
const cluster = await startCluster(3);
const HOUR = 3_600_000;

for (const [name, library] of Object.entries(libraries)) {
  let count = 0;

  const prefix = () => `replacement-${name}-${count}:`;
  const keyOf = (id) => `${prefix()}{${createHash("sha256").update(id).digest("base64url")}}`;
  const timeLeft = async (id) => Number((await server.command("PTTL", keyOf(id))).slice(1));

  /** Two storages of the same sessions, and how often the server stored a record unread. */
  const together = (body, options) => async () => {
    const client = await library.connect(server.url);
    count += 1;
    const settings = { prefix: prefix(), idleTimeout: "30m", ...options };
    const counted = counting(client);
    const [storage, other] = [new RedisStorage(client, settings), new RedisStorage(client, settings)];
    try {
      // Once for each storage: the server's time; and once for the server: the scripts.
      for (const one of [storage, other]) {
        await one.set("first", "content");
        await one.get("first");
        await one.set("first", "changed");
      }
      await body(storage, other, counted);
    } finally {
      library.end(client);
    }
  };

  describe(`a session as it was seen, over ${name}`, () => {
    it(
      "is replaced without being read",
      together(async (storage, other, counted) => {
        await storage.set("id", "one", { tags: ["ada", "bob"], absoluteTimeout: "3h" });
        const before = (await storage.get("id")).info;
        const revision = await counted(1, () => storage.set("id", "two"));
        const conditional = { ifRevision: revision, tags: ["ada", "bob"], idleTimeout: "1h" };
        const last = await counted(1, () => storage.set("id", "three", conditional));
        const { data, info } = await other.get("id");
        equal(new TextDecoder().decode(data), "three");
        const { createdAt, tags } = before;
        const expected = { createdAt, tags, idleTimeout: HOUR, absoluteTimeout: 3 * HOUR, byteLength: 5 };
        for (const [what, value] of Object.entries(expected)) equal(String(info[what]), String(value), what);
        equal(info.revision, last, "the revision");
        equal(info.expiresAt - HOUR >= before.expiresAt - HOUR / 2, true, "whether it was renewed");
      }),
    );

    it(
      "goes when it is over, like any other",
      together(async (storage, _other, counted) => {
        await storage.set("id", "content");
        await storage.get("id");
        await counted(1, () => storage.set("id", "changed", { idleTimeout: "1h" }));
        const keys = (await server.command("KEYS", `replacement-${name}-${count}:*`)).match(/\S+:\{\S+\}/g);
        const left = await Promise.all(
          keys.map(async (key) => Number((await server.command("PTTL", key)).slice(1))),
        );
        equal(Math.max(...left) > HOUR - 60_000 && Math.max(...left) <= HOUR, true, `what is left: ${left}`);
      }),
    );

    for (const [what, change, then] of [
      ["written by another", (other) => other.set("id", "other"), "conflict"],
      ["ended by another", (other) => other.invalidate("id"), "conflict"],
      ["touched by another", touchLater, "written"],
    ]) {
      it(
        `is judged by the server where it was ${what}`,
        together(async (storage, other, counted) => {
          await storage.set("id", "content");
          const { info } = await storage.get("id");
          await change(other);
          const set = () => storage.set("id", "changed", { ifRevision: info.revision });
          const told = await counted(0, async () => {
            if (then === "written") return set();
            return (await rejection(set())).code;
          });
          if (then === "conflict") equal(told, "ERR_SESSION_CONFLICT");
          else equal((await other.info("id")).revision, told, "the revision");
        }),
      );
    }

    it(
      "is judged by the server where another revision is asked for",
      together(async (storage, _other, counted) => {
        const first = await storage.set("id", "content");
        await storage.get("id");
        await counted(1, () => storage.set("id", "changed"));
        const error = await counted(0, () => rejection(storage.set("id", "late", { ifRevision: first })));
        equal(error.code, "ERR_SESSION_CONFLICT");
      }),
    );

    it(
      "is not tried again with what it no longer is",
      together(async (storage, other, counted) => {
        await storage.set("id", "content");
        await storage.get("id");
        await storage.touch("id");
        const commands = async (body) => {
          const before = counted.sent;
          await body();
          return counted.sent - before;
        };
        equal(await commands(() => storage.set("id", "after a touch")), 1, "after a touch");
        await storage.get("id");
        await other.set("id", "of another");
        equal(await commands(() => storage.set("id", "two")), 2, "when another has written");
        equal(await commands(() => storage.set("id", "three")), 1, "from then on");
      }),
    );

    it(
      "keeps the marks of its last four writes",
      together(async (storage, _other, counted) => {
        const revisions = [];
        for (let write = 0; write < 6; write += 1) {
          await storage.get("id");
          revisions.unshift(await counted(write === 0 ? 0 : 1, () => storage.set("id", `content ${write}`)));
        }
        const marks = revisions
          .slice(0, 4)
          .map((revision) => Buffer.from(revision, "base64url").subarray(0, 8));
        const found = await counted.bytes("GETRANGE", keyOf("id"), "84", "115");
        equal(found.toString("hex"), Buffer.concat(marks).toString("hex"), "the marks");
      }),
    );

    it(
      "begins anew where it was ended, without a condition",
      together(async (storage, other, counted) => {
        await storage.set("id", "content", { tags: ["ada"] });
        await storage.get("id");
        await other.invalidate("id");
        await counted(0, () => storage.set("id", "changed"));
        equal((await other.info("id")).tags.length, 0, "the tags of the one that ended");
      }),
    );

    it(
      "is judged by the server where other tags, an absence or a stream are asked for",
      together(async (storage, other, counted) => {
        await storage.set("id", "content", { tags: ["ada"] });
        await storage.get("id");
        await counted(0, () => storage.set("id", "changed", { tags: ["bob"] }));
        equal(String((await other.info("id")).tags), "bob", "the tags");
        await storage.get("id");
        const absent = await counted(0, () => rejection(storage.set("id", "new", { ifRevision: null })));
        equal(absent.code, "ERR_SESSION_CONFLICT");
        await counted(0, () =>
          storage.write("id", (channel) => channel.getWriter().write(new Uint8Array(10))),
        );
      }),
    );

    it(
      "is written once where its command is sent twice",
      together(async (storage, other, counted) => {
        await storage.set("id", "content");
        await storage.get("id");
        counted.twice = true;
        const revision = await counted(2, () => storage.set("id", "changed"));
        equal((await other.info("id")).revision, revision, "the revision");
        equal((await storage.get("id")).info.revision, revision, "what it has seen itself");
      }),
    );

    it(
      "has the server's time, whatever this machine takes it for",
      together(async (storage, other, counted) => {
        await storage.set("id", "content");
        await storage.get("id");
        const { now } = performance;
        try {
          performance.now = () => now.call(performance) + HOUR / 12;
          await counted(0, () => storage.set("id", "changed"));
          // It has learnt.
          await storage.get("id");
          await counted(1, () => storage.set("id", "changed again"));
        } finally {
          performance.now = now;
        }
        const { expiresAt } = await other.info("id");
        equal(Math.abs(expiresAt - Date.now() - HOUR / 2) < 60_000, true, "whether it ends in half an hour");
      }),
    );

    it(
      "goes by a clock that was given",
      together(
        async (storage, other, counted) => {
          await storage.set("id", "content");
          await storage.get("id");
          clock.time += 60_000;
          await counted(1, () => storage.set("id", "changed"));
          equal((await other.info("id")).expiresAt, clock.time + HOUR / 2, "when it ends");
          const left = (await timeLeft("id")) - 24.5 * HOUR;
          equal(
            left > -60_000 && left <= 0,
            true,
            `how much less than a day and a half hour is left: ${left}`,
          );
          clock.time += HOUR / 2;
          await counted(0, () => storage.set("id", "of another session"));
          equal((await other.info("id")).createdAt, clock.time, "when it began");
        },
        { clock: () => clock.time },
      ),
    );
  });
}

for (const [name, library] of Object.entries(libraries)) {
  describe(`a session as it was seen, over ${name} in a cluster`, () => {
    it("goes back into the list of a tag that has lost it", async () => {
      const client = await library.cluster(cluster.urls);
      const storage = new RedisStorage(client, { prefix: `lost-${name}:` });
      try {
        await storage.set("id", "content", { tags: ["ada"] });
        await storage.get("id");
        const index = `lost-${name}:tag:{${createHash("sha256").update("ada").digest("base64url")}}`;
        const removed = await Promise.all(cluster.ports.map((port) => ask(port, "DEL", index)));
        equal(removed.filter((answer) => answer.startsWith(":1")).length, 1, "how many servers had it");
        equal(await storage.invalidateTagged("ada"), 0, "how many are found without it");
        await storage.set("id", "changed", { tags: ["ada"] });
        equal(await storage.invalidateTagged("ada"), 1, "how many are found");
      } finally {
        library.end(client);
      }
    });
  });
}

const clock = { time: 1_000_000 };

/** So that its time is another one. */
async function touchLater(other) {
  const { expiresAt } = await other.info("id");
  while ((await other.info("id")).expiresAt === expiresAt) await other.touch("id");
}

/** Does something and compares how many records were stored unread meanwhile. With `twice`, every command is sent twice. */
function counting(client) {
  let stored = 0;
  const name = "callBuffer" in client ? "callBuffer" : "sendCommand";
  const send = client[name];
  client[name] = async function (...given) {
    const args = name === "callBuffer" ? given : given[0];
    // A commit's request is shorter than a header, and what is to be replaced longer.
    const isReplacement = args[0] === "EVALSHA" && args[2] === "1" && args[4]?.length >= 17 + 1 + 124;
    let reply;
    counted.sent += 1;
    for (let time = 0; time < (counted.twice ? 2 : 1); time += 1) {
      reply = await send.apply(client, given);
      if (isReplacement && reply[1] === 1) stored += 1;
    }
    return reply;
  };
  const counted = async (expected, body) => {
    stored = 0;
    const answer = await body();
    equal(stored, expected, "how many were stored unread");
    return answer;
  };
  counted.twice = false;
  counted.sent = 0;
  counted.bytes = (...args) =>
    name === "callBuffer"
      ? send.apply(client, args)
      : send.call(client, args, { typeMapping: { 36: Buffer } });
  return counted;
}
