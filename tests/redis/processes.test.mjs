// Several processes at the same sessions: no update is lost, and what one ends stays ended for all.
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { RedisStorage } from "sessile/redis";
import { equal } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { startServer } from "./servers.mjs";

const PROCESSES = 2;
const ROUNDS = 150;

/** A process that does what it is told, each time with the answer. */
function startProcess(library, url) {
  const child = fork(new URL("child.mjs", import.meta.url), [library, url]);
  const waiting = [];
  child.on("message", (answer) => waiting.shift().resolve(answer));
  child.on("exit", () => waiting.splice(0).forEach(({ reject }) => reject(new Error("the process ended"))));
  return {
    ask: (task) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.send(task);
      }),
    end: () => child.kill(),
  };
}

for (const [name, library] of Object.entries(libraries)) {
  const together = (body) => async () => {
    const server = await startServer();
    const processes = Array.from({ length: PROCESSES }, () => startProcess(name, server.url));
    const client = await library.connect(server.url);
    try {
      await body(new RedisStorage(client), processes, server);
    } finally {
      for (const process of processes) process.end();
      library.end(client);
      await server.end();
    }
  };

  describe(`${name} in ${PROCESSES} processes`, () => {
    it(
      "a counter loses nothing",
      together(async (storage, processes) => {
        await storage.setJson("counter", { count: 0 });
        await Promise.all(
          processes.map((process) => process.ask({ do: "count", id: "counter", rounds: ROUNDS })),
        );
        equal((await storage.getJson("counter")).count, PROCESSES * ROUNDS, "the count");
      }),
    );

    it(
      "an invalidate in one stops the write in pieces of another",
      together(async (storage, [one, other]) => {
        await storage.set("id", "before");
        equal(await one.ask({ do: "begin", id: "id" }), "begun");
        equal(await other.ask({ do: "invalidate", id: "id" }), true);
        equal(await one.ask({ do: "end" }), "ERR_SESSION_CONFLICT");
        equal(await storage.get("id"), undefined, "the session");
      }),
    );

    it(
      "an invalidate by tag ends what all of them have written",
      together(async (storage, processes) => {
        await Promise.all(
          processes.map((process, at) =>
            process.ask({ do: "tagged", tag: "ada", from: at * 100, count: 100 }),
          ),
        );
        equal(await storage.invalidateTagged("ada"), PROCESSES * 100, "how many");
        for (let at = 0; at < PROCESSES * 100; at += 1)
          equal(await storage.get(`tagged ${at}`), undefined, `session ${at}`);
      }),
    );

    it(
      "no id stands in a key",
      together(async (storage, _processes, server) => {
        const id = "an-id-that-nobody-must-see";
        await storage.set(id, "content", { tags: ["a-tag-that-nobody-must-see"] });
        await storage.set(`${id}-large`, new Uint8Array(300_000));
        await storage.invalidate(`${id}-gone`);
        const keys = await server.command("KEYS", "*");
        equal(keys.includes("nobody-must-see"), false, "whether a key tells");
        equal(
          keys.includes(createHash("sha256").update(id).digest("base64url")),
          true,
          "whether the hash is the key",
        );
      }),
    );
  });
}
