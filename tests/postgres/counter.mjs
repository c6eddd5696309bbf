// A process that counts in a session beside others: `counter.mjs APP HOST TABLE TIMES`.
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import pg from "pg";

const [app, host, table, times] = process.argv.slice(2);
const { PostgresStorage } = await import(
  pathToFileURL(join(app, "node_modules/sessile/dist/storages/postgres.js")).href
);
const pool = new pg.Pool({ host, user: "tests", database: "postgres", max: 4 });
const storage = new PostgresStorage(pool, { table });

async function count() {
  for (;;) {
    const found = await storage.get("counter");
    const value = found === undefined ? 0 : JSON.parse(new TextDecoder().decode(found.data)).count;
    try {
      await storage.setJson("counter", { count: value + 1 }, { ifRevision: found?.info.revision ?? null });
      return;
    } catch (error) {
      if (error.code !== "ERR_SESSION_CONFLICT") throw error;
    }
  }
}

for (let time = 0; time < Number(times); time += 1) await count();
await pool.end();
