// What becomes of sessions when PostgreSQL itself is in trouble.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { equal, matches, rejection } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

/** A call fails within this, in milliseconds. */
const TIMEOUT = 1_000;

/**
 * @param connect makes a pool for a host
 * @param ofServer answers the host of the server that runs, and what can be done to it
 */
export function defineFailures({ connect, PostgresStorage, postgresSchema, ofServer }) {
  let tables = 0;

  /** Calls `work` with a pool, a storage of a table of its own, and the server. */
  const withStorage = (work) => async () => {
    const server = ofServer();
    const pool = connect(server.host);
    const table = `failing_${(tables += 1)}`;
    try {
      await pool.query(postgresSchema(table));
      const make = (client = pool) => new PostgresStorage(client, { table, timeout: TIMEOUT });
      await work({ pool, table, make, server });
    } finally {
      await pool.end();
    }
  };

  /** Resolves when a server that has just been started has its first answer. */
  async function answering(pool) {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const answer = await pool.query("SELECT 1").catch(() => undefined);
      if (answer !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("the server does not answer");
  }

  const failsInTime = async (call) => {
    const began = performance.now();
    const error = await rejection(call());
    equal(error.code, "ERR_SESSION_STORAGE");
    const took = performance.now() - began;
    equal(took < 10 * TIMEOUT, true, `it took ${took} ms to fail`);
    return error;
  };

  describe("a server of PostgreSQL in trouble", () => {
    it(
      "that is not there when the storage is made: calls fail, and work once it is",
      withStorage(async ({ pool, make, server }) => {
        server.signal("SIGKILL");
        await server.ended();
        const late = connect(server.host);
        const storage = make(late);
        await failsInTime(() => storage.setJson("id", 1));
        await failsInTime(() => storage.getJson("id"));
        await failsInTime(() => storage.invalidate("id"));
        await server.start();
        await answering(late);
        await storage.setJson("id", 2);
        equal(await storage.getJson("id"), 2);
        await late.end();
        await answering(pool);
      }),
    );

    it(
      "that is killed in the midst of writes has every one that was acknowledged, and no logout undone",
      withStorage(async ({ pool, make, server }) => {
        const acknowledged = new Map();
        const ended = new Set();
        let isOver = false;
        const writer = async (number) => {
          const storage = make();
          for (let count = 1; !isOver; count += 1) {
            const id = `session ${number}`;
            try {
              const found = await storage.get(id);
              const value = found === undefined ? 0 : JSON.parse(new TextDecoder().decode(found.data)).count;
              const ifRevision = found?.info.revision ?? null;
              await storage.setJson(id, { count: value + 1 }, { ifRevision });
              acknowledged.set(id, value + 1);
              const other = `session ${number}, for ${count}`;
              await storage.set(other, "content");
              await storage.invalidate(other);
              ended.add(other);
            } catch (error) {
              if (error.code !== "ERR_SESSION_STORAGE" && error.code !== "ERR_SESSION_CONFLICT") throw error;
              await new Promise((resolve) => setTimeout(resolve, 10));
            }
          }
        };
        const writers = Array.from({ length: 6 }, (_, number) => writer(number));
        for (let kills = 0; kills < 3; kills += 1) {
          await new Promise((resolve) => setTimeout(resolve, 300));
          server.signal("SIGKILL");
          await server.ended();
          await server.start();
          await answering(pool);
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
        isOver = true;
        await Promise.all(writers);
        await answering(pool);
        const storage = make();
        equal(acknowledged.size, 6);
        for (const [id, count] of acknowledged) {
          const found = (await storage.getJson(id)).count;
          equal(found >= count, true, `${id}: ${found} is there, ${count} was acknowledged`);
        }
        equal(ended.size > 20, true, `${ended.size} logouts`);
        for (const id of ended) equal(await storage.get(id), undefined, id);
      }),
    );

    it(
      "that answers late: calls fail within their time, and the next ones work",
      withStorage(async ({ pool, make, server }) => {
        const storage = make();
        await storage.setJson("id", 1);
        server.signal("SIGSTOP");
        try {
          await failsInTime(() => storage.getJson("id"));
          await failsInTime(() => storage.setJson("id", 2));
          await failsInTime(() => storage.invalidate("another id"));
        } finally {
          server.signal("SIGCONT");
        }
        await answering(pool);
        await storage.setJson("id", 3);
        equal(await storage.getJson("id"), 3);
      }),
    );

    it(
      "that takes no writes: sessions are read, and what writes is told why it cannot",
      withStorage(async ({ pool, make, table }) => {
        await make().setJson("id", 1);
        const standby = await pool.connect();
        try {
          await standby.query("SET default_transaction_read_only = on");
          const storage = make(standby);
          equal(await storage.getJson("id"), 1);
          for (const call of [() => storage.setJson("id", 2), () => storage.invalidate("id")]) {
            const error = await rejection(call());
            equal(error.code, "ERR_SESSION_STORAGE");
            matches(error.message, /standby or set to read only/);
            equal(error.cause.code, "25006");
            equal(error.message.includes(table), false);
          }
        } finally {
          standby.release(true);
        }
        equal(await make().getJson("id"), 1);
      }),
    );

    it(
      "whose disk is full: a write is refused as Quota, what is there stays, and a logout counts",
      withStorage(async ({ pool, make, table }) => {
        const disk = mkdtempSync(join(tmpdir(), "sessile-disk-"));
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]);
        try {
          const idOf = (flag) => Number(execFileSync("id", [flag, "nobody"]).toString());
          chmodSync(disk, 0o700);
          chownSync(disk, idOf("-u"), idOf("-g"));
          await pool.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
          await pool.query(`ALTER TABLE ${table} SET TABLESPACE small`);
          const storage = make();
          await storage.setJson("first", 1);
          const content = crypto.getRandomValues(new Uint8Array(60_000));
          let error;
          for (let number = 0; error === undefined && number < 200; number += 1) {
            error = await storage.set(`session ${number}`, content).then(
              () => undefined,
              (reason) => reason,
            );
          }
          equal(error?.code, "ERR_SESSION_QUOTA");
          equal(error.cause.code, "53100");
          equal(await storage.getJson("first"), 1);
          equal((await storage.get("session 0")).data.length, content.length);
          // Its tombstone finds room where the session was, if not at once, then when the table has been tidied.
          await storage.invalidate("session 0").catch((reason) => equal(reason.code, "ERR_SESSION_QUOTA"));
          await pool.query(`VACUUM ${table}`).catch(() => {});
          await pool.query(`ALTER TABLE ${table} SET TABLESPACE pg_default`);
          await storage.invalidate("session 0");
          equal(await storage.get("session 0"), undefined);
          await storage.set("session 0", content);
        } finally {
          await pool.query(`DROP TABLE ${table}`);
          await pool.query("DROP TABLESPACE small");
          execFileSync("umount", [disk]);
          rmSync(disk, { recursive: true });
        }
      }),
    );

    it(
      "S1 two processes lose nothing of each other",
      withStorage(async ({ make, table, server }) => {
        const counter = join(import.meta.dirname, "counter.mjs");
        const [, , app] = process.argv;
        const children = [0, 1].map(() =>
          spawn(process.execPath, [counter, app, server.host, table, "100"], { stdio: "inherit" }),
        );
        for (const [code] of await Promise.all(children.map((child) => once(child, "close")))) equal(code, 0);
        equal((await make().getJson("counter")).count, 200);
      }),
    );
  });
}
