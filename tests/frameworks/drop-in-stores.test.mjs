// Real stores of express-session in the drop-in and in express-session: the same, and one after the other on the same sessions.
import { RedisStore } from "connect-redis";
import pgSimple from "connect-pg-simple";
import memoryStore from "memorystore";
import pg from "pg";
import { createClient } from "redis";
import fileStore from "session-file-store";
import { equal, same } from "../package/expect.mjs";
import { makeFolder, removeFolder } from "../package/folders.mjs";
import { describe, it } from "../package/harness.mjs";
import { LIBRARIES, servedWith } from "./drop-in.mjs";
import { routesOf } from "./drop-in-routes.mjs";
import { withPostgres, withRedis } from "./servers.mjs";

const HOUR = 3_600_000;

/** Every store as its own documentation makes it. `work` is given what makes one for a library. */
const STORES = {
  "connect-redis": (work) =>
    withRedis(async (path) => {
      const client = await createClient({ socket: { path } }).connect();
      try {
        await work(() => new RedisStore({ client }));
      } finally {
        client.destroy();
      }
    }),
  "connect-pg-simple": (work) =>
    withPostgres(async (host) => {
      const pool = new pg.Pool({ host, user: "tests", database: "postgres" });
      // The server may end before the last connection has.
      pool.on("error", () => {});
      try {
        await work((session) => {
          const Store = pgSimple(session);
          return new Store({ pool, createTableIfMissing: true, pruneSessionInterval: false });
        });
      } finally {
        await pool.end();
      }
    }),
  memorystore: (work) =>
    work((session) => {
      const Store = memoryStore(session);
      return new Store({ checkPeriod: 0 });
    }),
  "session-file-store": async (work) => {
    const path = makeFolder();
    try {
      await work((session) => {
        const Store = fileStore(session);
        return new Store({ path, logFn: () => {}, reapInterval: -1, retries: 0 });
      });
    } finally {
      removeFolder(path);
    }
  },
};

const STEPS = [
  "/read /write /write /read /untouched",
  "/login /read /write /save-and-change /reload /nested",
  "/longer /cookie /load /store /stream /end-text",
  "/logout /read /write /login-saved /read /delete /read /logout /ids",
].flatMap((line) => line.split(" "));

const OPTIONS = [
  { resave: false, saveUninitialized: false },
  { resave: true, saveUninitialized: true, rolling: true },
  { resave: false, saveUninitialized: false, unset: "destroy" },
];

/** Times are the machine's own here. */
const withoutTimes = (answers) =>
  JSON.parse(
    JSON.stringify(answers)
      .replaceAll(/Expires=[^;"]+/g, "Expires")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "a date")
      .replaceAll(/\b\d{13}\b/g, "a time")
      .replaceAll(/\b(?:3599|7199|3600|7200)\d{3}\b/g, "an age"),
  );

describe("stores of express-session in the drop-in", () => {
  for (const [name, withStore] of Object.entries(STORES)) {
    it(`${name} does what it does in express-session, and its sessions go from one to the other`, () =>
      withStore(async (storeFor) => {
        for (const [index, options] of OPTIONS.entries()) {
          const found = {};
          for (const [library, session] of Object.entries(LIBRARIES)) {
            const letter = library[0];
            const given = { ...options, cookie: { maxAge: HOUR }, store: storeFor(session) };
            let ids = 0;
            given.genid = () => `${index}-${letter}-${(ids += 1)}`;
            const { seen, errors } = await servedWith(
              session,
              { options: given, routes: routesOf },
              async (browser) => {
                const answers = [];
                for (const path of STEPS) answers.push(await browser.send(path));
                return answers;
              },
            );
            const mark = new RegExp(`${index}-${letter}-(\\d+)(?:\\.[^;"]+)?`, "g");
            const text = JSON.stringify([withoutTimes(seen), errors]);
            found[library] = JSON.parse(text.replaceAll(mark, "id $1"));
          }
          found["express-session"][0].forEach((answer, step) => {
            same(found.sessile[0][step], answer, `${STEPS.slice(0, step + 1).join(" ")}`);
          });
          same(found.sessile[1], found["express-session"][1], "errors");
        }
        if (name === "memorystore") return;
        let cookie;
        for (const [turn, session] of [...Object.values(LIBRARIES), ...Object.values(LIBRARIES)].entries()) {
          const given = { ...OPTIONS[0], cookie: { maxAge: HOUR }, store: storeFor(session) };
          given.genid = () => "shared";
          await servedWith(session, { options: given, routes: routesOf }, async (browser) => {
            const headers = cookie === undefined ? {} : { cookie };
            equal((await browser.send("/write", { headers })).body, `views ${turn + 1}`);
            cookie ??= browser.cookie;
          });
        }
      }));
  }
});
