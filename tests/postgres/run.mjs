// The storage in PostgreSQL, on the installed package: `run.mjs APP`.
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { equal, matches, rejection, same } from "../package/expect.mjs";
import { COUNTS_MARK, describe, it, run } from "../package/harness.mjs";
import { withPostgres } from "../frameworks/servers.mjs";
import { defineFailures } from "./failures.mjs";

const [app] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(app, "node_modules/sessile/dist", name)).href);
const { sessions, cookie } = await load("index.js");
const { PostgresStorage, postgresSchema } = await load("storages/postgres.js");
const { testSessionStorage } = await load("testing.js");

let pool;
let server;
/** The pool of the moment, since a test puts another in its place. */
const client = { query: (text, values) => pool.query(text, values) };
const connect = (host) => {
  const made = new pg.Pool({ host, user: "tests", database: "postgres", max: 8 });
  // Idle connections are told when they are cut.
  made.on("error", () => {});
  return made;
};

describe("PostgresStorage", () => {
  let tables = 0;
  const tableOf = new WeakMap();
  const open = (table, options) => {
    const storage = new PostgresStorage(client, { ...options, table });
    tableOf.set(storage, table);
    return storage;
  };
  const make = async (options) => {
    const table = `kit_${(tables += 1)}`;
    await pool.query(postgresSchema(table));
    return open(table, options);
  };
  testSessionStorage({ describe, it }, make, {
    wholeValues: true,
    timeouts: true,
    clock: true,
    conditional: true,
    durable: true,
    shared: true,
    tags: true,
    housekeeping: true,
    patience: 50_000,
    limits: { maxSessionBytes: true },
    reopen: async (storage, options) => {
      await storage.close();
      return open(tableOf.get(storage), options);
    },
    join: (storage, options) => open(tableOf.get(storage), options),
    damage: async (storage, id) => {
      const last = "length(data) - 1";
      await pool.query(
        `UPDATE ${tableOf.get(storage)} SET version = gen_random_uuid(),
           data = set_byte(data, ${last}, get_byte(data, ${last}) # 1) WHERE key = sha256($1)`,
        [Buffer.from(id)],
      );
    },
    discard: (storage) => pool.query(`DROP TABLE IF EXISTS ${tableOf.get(storage)}`),
  });
});

describe("a table of PostgreSQL", () => {
  it("holds no id, and is found in a schema", async () => {
    await pool.query("CREATE SCHEMA web");
    await pool.query(postgresSchema("web.sessions"));
    const storage = new PostgresStorage(client, { table: "web.sessions" });
    await storage.setJson("an id that is secret", { a: 1 }, { tags: ["user:ada"], idleTimeout: "1h" });
    const { rows } = await pool.query("SELECT * FROM web.sessions");
    equal(rows.length, 1, "rows");
    equal(JSON.stringify(rows).includes("secret"), false, "whether the id is there");
    same([rows[0].tags, Number(rows[0].byte_length)], [["user:ada"], 7]);
    equal(Math.abs(rows[0].expires_at.getTime() - Date.now() - 3_600_000) < 60_000, true, "expires_at");
  });

  it("can be made twice, and changed while it is there", async () => {
    await pool.query(postgresSchema());
    await pool.query(postgresSchema());
    await new PostgresStorage(client).setJson("id", 1);
    equal(await new PostgresStorage(client).getJson("id"), 1);
  });

  it("is named where it is missing, and no other name is taken for one", async () => {
    const error = await rejection(new PostgresStorage(client, { table: "missing" }).getJson("id"));
    equal(error.code, "ERR_SESSION_STORAGE");
    matches(error.message, /postgresSchema/, "message");
    for (const table of ["", "a b", 'a"', "a;b", "1a", "a.b.c", "é", 7, null]) {
      let code;
      try {
        new PostgresStorage(client, { table });
      } catch (thrown) {
        code = thrown.code;
      }
      equal(code, "ERR_SESSION_INVALID_OPTION", String(table));
    }
  });

  it("keeps tags of any text", async () => {
    await pool.query(postgresSchema());
    const storage = new PostgresStorage(client);
    const tags = ["a\0b", "a\\0b", "a\\\\0b", "'; --", '{"', "NULL", "ä,b", "\u{1f600}"];
    for (const tag of tags) await storage.set(`of ${tag}`, "", { tags: [tag] });
    for (const tag of tags) equal(await storage.invalidateTagged(tag), 1, JSON.stringify(tag));
  });

  it("C7 loses its rows when they have expired, at a sweep", async () => {
    let now = 1_700_000_000_000;
    await pool.query(postgresSchema("swept"));
    const storage = new PostgresStorage(client, { table: "swept", idleTimeout: "1m", clock: () => now });
    for (let number = 0; number < 20; number += 1) await storage.set(`id ${number}`, "");
    await storage.set("id that stays", "", { idleTimeout: "1h" });
    now += 60_000;
    equal(await storage.sweep(), 20, "swept");
    const { rows } = await pool.query("SELECT count(*) FROM swept");
    equal(Number(rows[0].count), 1, "rows");
  });

  it("S1 keeps what two hundred parallel requests add, and S2 no session after its end", async () => {
    await pool.query(postgresSchema("requests"));
    const storages = [1, 2].map(() => new PostgresStorage(client, { table: "requests" }));
    const apps = storages.map((storage) => sessions({ user: cookie("user", storage) }));
    const first = await apps[0].fetch(async (_, { user }) => {
      await user.set({ started: true });
      return new Response();
    })(new Request("http://host/"));
    const sent = { headers: { cookie: first.headers.getSetCookie()[0].split(";", 1)[0] } };
    const handlers = apps.map((each) =>
      each.fetch(async (request, { user }) => {
        const key = new URL(request.url).searchParams.get("key");
        await user.update((value) => ({ ...value, [key]: 1 }));
        return new Response();
      }),
    );
    await Promise.all(
      Array.from({ length: 200 }, (_, at) => handlers[at % 2](new Request(`http://host/?key=k${at}`, sent))),
    );
    let held;
    await apps[1].fetch(async (_, { user }) => {
      held = await user.get();
      await user.clear();
      return new Response();
    })(new Request("http://host/", sent));
    equal(Object.keys(held).length, 201, "keys");
    await Promise.all([0, 1].map((at) => handlers[at](new Request("http://host/?key=late", sent))));
    const { rows } = await pool.query("SELECT count(*) FROM requests WHERE byte_length > 0");
    // The late requests have made sessions of their own, under ids of their own.
    equal(Number(rows[0].count), 2, "sessions");
  });

  it("fails with a typed error while the server is gone, and works when it is back", async () => {
    await pool.query(postgresSchema("restarted"));
    const storage = new PostgresStorage(client, { table: "restarted" });
    await storage.setJson("id", 1);
    const gone = pool;
    pool = connect("/nowhere");
    equal((await rejection(storage.getJson("id"))).code, "ERR_SESSION_STORAGE");
    equal((await rejection(storage.setJson("id", 2))).code, "ERR_SESSION_STORAGE");
    pool = gone;
    await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    // A connection that was cut may be handed out once more, and fails.
    const answers = await Promise.allSettled(Array.from({ length: 9 }, () => storage.getJson("id")));
    for (const { reason } of answers) if (reason) equal(reason.code, "ERR_SESSION_STORAGE");
    equal(await storage.getJson("id"), 1);
  });
});

defineFailures({ connect, PostgresStorage, postgresSchema, ofServer: () => ({ host: place, ...server }) });

let place;
let counts;
await withPostgres(async (host, running) => {
  place = host;
  server = running;
  pool = connect(host);
  counts = await run(console.log);
  await pool.end();
});
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
