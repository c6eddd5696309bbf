// A server's process with its storage: serves reads and writes, and sweeps when it is told to. `server.mjs FOLDER`.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { DirectoryStorage } from "sessile";
import { session } from "../measuring/sessions.mjs";
import { randomFrom } from "../measuring/random.mjs";
import { idOf } from "./fill.mjs";

const RECORD = /[\\/]([0-9a-f]{2})[\\/]([0-9a-f]{62})$/;

const opened = watchRecords();
/** The keys of sessions that are asked for just now, and of those that were during this call of the sweep. */
const inFlight = new Map();
const served = new Set();
const storage = new DirectoryStorage(process.argv[2]);
const value = session(randomFrom(1), 1_024);
let isSweeping = false;

process.on("message", async ({ number, call, index, sweep }) => {
  try {
    if (sweep === true) await sweepOnAndOn();
    else if (sweep === false) isSweeping = false;
    else {
      const id = idOf(index);
      inFlight.set(number, createHash("sha256").update(id).digest("hex"));
      served.add(inFlight.get(number));
      if (call === "get") await storage.getJson(id);
      else await storage.setJson(id, value, { idleTimeout: "30d" });
      inFlight.delete(number);
      process.send({ answered: number });
    }
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.on("disconnect", () => process.exit());
process.send({ ready: true });

/** One call after another: no server would sweep more eagerly. */
async function sweepOnAndOn() {
  isSweeping = true;
  while (isSweeping) {
    opened.clear();
    served.clear();
    for (const key of inFlight.values()) served.add(key);
    const start = performance.now();
    const removed = await storage.sweep();
    const ms = performance.now() - start;
    process.send({ swept: { ms, looked: opened.difference(served).size, removed } });
    // The messages that came meanwhile are taken now.
    await new Promise(setImmediate);
  }
  process.send({ stopped: true });
}

/** Which records are opened, by whatever call: the storage itself does not tell how many it looks at. */
function watchRecords() {
  const seen = new Set();
  for (const name of ["open", "openSync"]) {
    const own = fs[name];
    fs[name] = (path, ...rest) => {
      const record = RECORD.exec(path);
      if (record !== null) seen.add(record[1] + record[2]);
      return own.call(fs, path, ...rest);
    };
  }
  return seen;
}
