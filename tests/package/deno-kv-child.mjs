// A process that counts in a session of a file of Deno KV, and says each count that was acknowledged:
// `deno-kv-child.mjs FILE TIMES`.
import process from "node:process";
import { DenoKvStorage } from "sessile/deno-kv";

const [file, times] = process.argv.slice(2);
const kv = await globalThis.Deno.openKv(file);
const storage = new DenoKvStorage(kv);

async function count() {
  for (;;) {
    const found = await storage.get("counter");
    const value = found === undefined ? 0 : JSON.parse(new TextDecoder().decode(found.data)).count;
    try {
      await storage.setJson("counter", { count: value + 1 }, { ifRevision: found?.info.revision ?? null });
      return value + 1;
    } catch (error) {
      if (error.code !== "ERR_SESSION_CONFLICT") throw error;
    }
  }
}

for (let time = 0; time < Number(times); time += 1) console.log(await count());
kv.close();
