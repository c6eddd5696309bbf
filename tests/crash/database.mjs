// Kills a browser whose tabs and workers write to one database at moments that nobody chose, over and over, and checks
// what they leave.
//
//   database.mjs chromium|firefox|webkit --app FOLDER [--kills N]
//
// `--app` is where the npm package is installed.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openPage } from "../package/browser.mjs";
import { COUNTS_MARK } from "../package/harness.mjs";
import { serve } from "../package/static-server.mjs";
import { Ledger, RULES } from "./database-ledger.mjs";
import { Rules } from "./rules.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: process.env.CRASH_KILLS },
    app: { type: "string" },
  },
});
const [engine] = positionals;
// WebKit takes half a minute for each.
const kills = Number(values.kills ?? (engine === "webkit" ? 12 : 20));
if (!(kills > 0)) throw new Error("--kills, or CRASH_KILLS, must be a number above zero");
if (values.app === undefined) throw new Error("--app must name the folder of the package");

/** Of the writers, each a tab or a worker of one. */
const WRITERS = [
  { name: "a", durability: "strict", isTab: false },
  { name: "b", durability: "relaxed", isTab: false },
  { name: "c", durability: "strict", isTab: true },
  { name: "d", durability: "relaxed", isTab: true },
];
const SHORTEST_LIFE = 50;
const LONGEST_LIFE = 1_000;
const STARTS_WITHIN = 20_000;

const rules = new Rules(RULES);
// Chromium now and then takes its own files for damaged after a kill, on a busy machine after one in ten, and begins with an empty
// database; so it does with a page that does nothing but put values by hand. Such a loss is excused where its log confesses it.
const DELETED = /IndexedDB recovering from a corrupted \(and deleted\) database/;
const ledger = new Ledger(rules);

/** Notices when the browser says that it has deleted a database. */
function listenTo(page) {
  let log = "";
  page.onLog?.((piece) => {
    // A sentence may come in two pieces.
    log = (log + piece).slice(-1_000);
    if (!DELETED.test(log)) return;
    log = "";
    ledger.hasDeleted();
  });
}

/** Takes what the writers tell, in the order in which it comes. */
async function listen() {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (more) => (text += more));
    request.on("end", () => {
      for (const line of JSON.parse(text)) ledger.take(line);
      response.writeHead(204, { "access-control-allow-origin": "*" }).end();
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

const manifest = JSON.parse(readFileSync(join(values.app, "node_modules/sessile/package.json"), "utf8"));
const entry = join("/node_modules/sessile", manifest.exports["."].default ?? manifest.exports["."]);
const pages = `crash-${engine}`;
mkdirSync(join(values.app, pages), { recursive: true });
for (const name of ["database-writer.mjs", "database-content.mjs"]) {
  copyFileSync(new URL(name, import.meta.url), join(values.app, pages, name));
}
writeFileSync(
  join(values.app, pages, "crash.html"),
  '<!doctype html><title>crash</title><script type="module" src="database-writer.mjs"></script>',
);

/** Starts a tab or a worker that writes, in a browser that was just started. */
async function start(page, origin, { name, durability, isTab }, reports) {
  const query = new URLSearchParams({ entry, name, durability, reports, life: String(ledger.life) });
  const url = `${origin}/${pages}/${isTab ? "crash.html" : "database-writer.mjs"}?${query}`;
  if (isTab) await page.open(url);
  else await page.evaluate((address) => void new Worker(address, { type: "module" }), url);
}

const profile = mkdtempSync(join(tmpdir(), "sessile-crash-"));
const server = await serve(values.app);
const listener = await listen();
const reports = `http://127.0.0.1:${listener.address().port}/`;
const look = (page, work) =>
  page.evaluate(
    async (address, what) => {
      const { survey, sweep } = await import(new URL("database-writer.mjs", location.href).href);
      return { survey, sweep }[what](address);
    },
    entry,
    work,
  );

console.log(`${engine}: ${kills} kills`);
const began = performance.now();
let page;
try {
  for (let kill = 0; kill <= kills; kill += 1) {
    page = await openPage(engine, { profile });
    listenTo(page);
    await page.goto(`${server.origin}/${pages}/crash.html`);
    ledger.check(await look(page, "survey"));
    if (kill === kills) break;
    ledger.begin();
    for (const writer of WRITERS) await start(page, server.origin, writer, reports);
    const until = performance.now() + STARTS_WITHIN;
    while (ledger.ready < WRITERS.length) {
      if (performance.now() > until) throw new Error(`only ${ledger.ready} of ${WRITERS.length} write`);
      await pause(5);
    }
    await pause(SHORTEST_LIFE + Math.random() * (LONGEST_LIFE - SHORTEST_LIFE));
    await page.kill();
    // xtask takes a silent program for one that hangs.
    console.log(`  ${kill + 1} kills: ${ledger.told}`);
  }
  ledger.checkSwept(await look(page, "sweep"), kills);
} finally {
  await page?.kill();
  listener.closeAllConnections();
  listener.close();
  server.close();
}

console.log(`${engine}: ${kills} kills in ${Math.round((performance.now() - began) / 1_000)} s`);
console.log(`  ${ledger.told}`);
const counts = rules.report(console.log);
if (counts.failed === 0) rmSync(profile, { recursive: true });
else console.log(`  kept: ${profile}`);
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
