// A process of its own whose clock may be wrong: see clocks.test.mjs.
import process from "node:process";
import { CacheStorage } from "sessile";
import { RedisStorage } from "sessile/redis";
import { libraries } from "./clients.mjs";

const [, , library, url] = process.argv;
const storage = new RedisStorage(await libraries[library].connect(url));
/** A session that has ended it may show for as long after. */
const cache = new CacheStorage(storage, { absoluteTimeout: "500ms" });

const clock = { time: Date.now };

process.on("message", async ({ number, on, method, args }) => {
  try {
    process.send({ number, value: await { storage, cache, clock }[on][method](...args) });
  } catch (error) {
    process.send({ number, code: error.code ?? error.stack });
  }
});
process.on("disconnect", () => process.exit());
