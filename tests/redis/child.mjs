// A process of its own that uses the storage as it is told: see processes.test.mjs.
import process from "node:process";
import { RedisStorage } from "sessile/redis";
import { libraries } from "./clients.mjs";

const [, , library, url] = process.argv;
const storage = new RedisStorage(await libraries[library].connect(url));
let writing;
let end;

const tasks = {
  async count({ id, rounds }) {
    for (let round = 0; round < rounds;) {
      const { data, info } = await storage.get(id);
      const { count } = JSON.parse(new TextDecoder().decode(data));
      try {
        await storage.setJson(id, { count: count + 1 }, { ifRevision: info.revision });
        round += 1;
      } catch (error) {
        if (error.code !== "ERR_SESSION_CONFLICT") throw error;
      }
    }
    return "done";
  },
  begin({ id }) {
    return new Promise((begun) => {
      writing = storage.write(id, async (channel) => {
        await channel.getWriter().write(new Uint8Array(300_000));
        begun("begun");
        await new Promise((resolve) => (end = resolve));
      });
      writing.catch(() => {});
    });
  },
  async end() {
    end();
    return writing.then(
      () => "written",
      (error) => error.code,
    );
  },
  invalidate: ({ id }) => storage.invalidate(id),
  async tagged({ tag, from, count }) {
    const numbers = Array.from({ length: count }, (_, at) => from + at);
    await Promise.all(numbers.map((number) => storage.set(`tagged ${number}`, "content", { tags: [tag] })));
    return "done";
  },
};

process.on("message", async (task) => process.send(await tasks[task.do](task)));
process.on("disconnect", () => process.exit());
