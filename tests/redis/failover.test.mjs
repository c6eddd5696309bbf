// A master that is killed under load and replaced by its replica, or restarted: what fails does so in the contract's words, no
// session is torn, and the next calls work.
import process from "node:process";
import { RedisStorage } from "sessile/redis";
import { equal } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { startServer, startWatched, until } from "./servers.mjs";

const WORKERS = 16;

/** Reads and writes sessions until it is told to stop; answers what it has met. */
function work(storage) {
  const met = { calls: 0, acknowledged: new Map(), failures: new Map() };
  let isOver = false;
  const worker = async (number) => {
    const id = `worker ${number}`;
    for (let count = 0; !isOver; count += 1) {
      try {
        met.calls += 1;
        const found = await storage.getJson(id);
        // A torn or foreign content would not be this.
        if (found !== undefined) equal(found.id, id, "the session");
        await storage.setJson(id, { id, count, filling: "x".repeat(500) });
        met.acknowledged.set(id, count);
      } catch (error) {
        if (error.name !== "SessionError") throw error;
        met.failures.set(error.code, (met.failures.get(error.code) ?? 0) + 1);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const workers = Promise.all(Array.from({ length: WORKERS }, (_, number) => worker(number)));
  workers.catch(() => {});
  return {
    met,
    end: async () => {
      isOver = true;
      await workers;
      return met;
    },
  };
}

const went = (met, more) =>
  until(() => met.acknowledged.size === WORKERS && met.calls >= more, "nothing gets on");

for (const [name, library] of Object.entries(libraries)) {
  describe(`${name} under load`, () => {
    it("survives that the master is killed and its replica takes over", async () => {
      const { master, replica, sentinel } = await startWatched();
      const client = await library.watched(sentinel.port);
      const storage = new RedisStorage(client, { timeout: 2_000 });
      try {
        const load = work(storage);
        await went(load.met, 500);
        await storage.set("ended", "content");
        await storage.invalidate("ended");
        const replicated = async () => /^:[1-9]/.test(await master.command("WAIT", "1", "100"));
        await until(replicated, "the replica is behind");
        await master.stop();
        const isMaster = async () =>
          (await replica.command("INFO", "replication").catch(String)).includes("role:master");
        await until(isMaster, "the replica does not take over");
        // Everybody has written to the new one.
        load.met.acknowledged.clear();
        await went(load.met, load.met.calls + 500);
        const { failures, acknowledged } = await load.end();
        for (const code of failures.keys()) equal(code, "ERR_SESSION_STORAGE", "the code of what failed");
        for (const [id, count] of acknowledged)
          equal((await storage.getJson(id)).count >= count, true, "the last write");
        equal(await storage.get("ended"), undefined, "what was ended before");
      } finally {
        library.end(client);
        for (const server of [sentinel, master, replica]) await server.end();
      }
    });

    it("survives restarts, and loses nothing that the server keeps", async () => {
      const server = await startServer({ appendonly: "yes", appendfsync: "always" });
      const client = await library.connect(server.url);
      const storage = new RedisStorage(client, { timeout: 4_000 });
      try {
        const load = work(storage);
        const rounds = process.env.LONG === undefined ? 2 : 20;
        for (let round = 0; round < rounds; round += 1) {
          await went(load.met, load.met.calls + 300);
          await server.stop();
          await server.start();
        }
        await went(load.met, load.met.calls + 300);
        const { failures, acknowledged } = await load.end();
        for (const code of failures.keys()) equal(code, "ERR_SESSION_STORAGE", "the code of what failed");
        for (const [id, count] of acknowledged)
          equal((await storage.getJson(id)).count >= count, true, "an acknowledged write");
      } finally {
        library.end(client);
        await server.end();
      }
    });
  });
}
