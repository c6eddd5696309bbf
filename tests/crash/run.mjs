// Kills processes that write to one folder at moments that nobody chose, over and over, and checks what they leave.
//
//   run.mjs node|native|mixed [--kills N] [--seed N] [--app FOLDER] [--native PROGRAM] [--node PROGRAM]
//
// `--app` is where the npm package is installed, `--native` the crate's own writer.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { COUNTS_MARK } from "../package/harness.mjs";
import { Fleet } from "./fleet.mjs";
import { History } from "./history.mjs";
import { Journal } from "./journal.mjs";
import { partOf, strayEntries, survey, tokens, tokensOf } from "./leftovers.mjs";
import { RULES, Rules } from "./rules.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: process.env.CRASH_KILLS ?? "120" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    app: { type: "string" },
    native: { type: "string" },
    node: { type: "string", default: process.execPath },
  },
});
const [kind] = positionals;
const kills = Number(values.kills);
if (!["node", "native", "mixed"].includes(kind)) throw new Error("say node, native or mixed");
if (!(kills > 0)) throw new Error("--kills, or CRASH_KILLS, must be a number above zero");
if (kind !== "native" && values.app === undefined)
  throw new Error("--app must name the folder of the package");
if (kind !== "node" && values.native === undefined) throw new Error("--native must name the crate's writer");

const SLOTS = 4;
const BATCH = 30;
const IOS = ["auto", "async", "sync", "auto"];

let state = Number(values.seed) >>> 0;
function random(below) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

/** Six sessions in three parts, so that those of different kinds wait for each other too. */
function chooseIds() {
  const kinds = ["chain-a", "life-a", "touched", "chain-b", "life-b", "plain"];
  const parts = [];
  return kinds.map((name, index) => {
    for (let number = 0; ; number += 1) {
      const id = `${name}-${number}`;
      const part = partOf(id);
      const wanted = parts[{ 1: 0, 2: 0, 4: 3 }[index] ?? -1];
      if (wanted === undefined ? !parts.includes(part) : wanted === part) {
        parts.push(part);
        return id;
      }
    }
  });
}

const place = mkdtempSync(join(tmpdir(), "sessile-crash-"));
const folder = join(place, "sessions");
const ids = chooseIds();
const rules = new Rules(RULES);
const history = new History(rules, ids);

const program = join(values.app ?? place, `crash-writer-${kind}.mjs`);
if (kind !== "native") copyFileSync(new URL("writer.mjs", import.meta.url), program);

let journals = 0;
let journal;
function newJournal() {
  journal?.close();
  if (journal) rmSync(journal.path);
  journals += 1;
  journal = new Journal(join(place, `journal-${journals}`));
  return journal;
}

function start(mode, name, slot) {
  const isNative = kind === "native" || (kind === "mixed" && slot % 2 === 1);
  const durability = slot % 4 < 2 ? "relaxed" : "strict";
  const words = [
    mode,
    name,
    random(2 ** 32),
    folder,
    journal.path,
    durability,
    IOS[slot % IOS.length],
    ...ids,
  ];
  const command = isNative ? [values.native] : [values.node, program];
  return [...command, ...words.map(String)];
}

const fleet = new Fleet({ journal: newJournal(), history, rules, random, start });

function checkTokens() {
  for (const { part, names } of tokens(folder)) {
    // A signal cuts a listing in two, and a token may move in between: only what stays is so.
    let found = names;
    for (let again = 0; again < 3 && found.length !== 1; again += 1) found = tokensOf(folder, part);
    rules.check("token", found.length === 1, () => `part ${part}: ${found.join(", ") || "none"}`);
  }
}

/** With nobody at work: what a fresh storage finds, and what lies in the folder. */
async function takeStock() {
  const name = await fleet.run("survey");
  const sessions = history.found(name);
  for (const tag of ["crash", "odd"]) {
    const listed = history.listed(name, tag) ?? [];
    const own = sessions.filter(({ tags }) => tags.includes(tag)).map(({ revision }) => revision);
    const isSame = listed.length === own.length && own.every((revision) => listed.includes(revision));
    rules.check(
      "tags",
      isSame,
      () => `${name}: ${listed.length} listed under ${tag}, ${own.length} carry it`,
    );
  }
  history.settle(sessions);
  const found = survey(folder, ids);
  rules.check("folder", found.strange.length === 0, () => found.strange.slice(0, 5).join(", "));
  found.left["tags too many"] = strayEntries(found, sessions);
  return { found, sessions };
}

async function checkSwept() {
  await fleet.run("sweep");
  const { found } = await takeStock();
  // Natively no test can make a day pass: what is that young stays.
  const { staged, made, ...atOnce } = found.left;
  const left = kind === "native" ? atOnce : { staged, made, ...atOnce };
  rules.check(
    "swept",
    Object.values(left).every((count) => count === 0),
    () => described(left),
  );
}

const described = (left) =>
  Object.entries(left)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");

process.on("exit", () => fleet.abandon());
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

console.log(`${kind}: ${kills} kills, seed ${values.seed}`);
mkdirSync(folder, { mode: 0o700 });
const began = performance.now();
let stock;
while (fleet.kills < kills) {
  await fleet.work(SLOTS, Math.min(BATCH, kills - fleet.kills), checkTokens);
  stock = await takeStock();
  // xtask takes a silent program for one that hangs.
  console.log(`  ${fleet.kills} kills: ${described(stock.found.left)} left`);
  fleet.turnTo(newJournal());
}
await checkSwept();

const { acknowledged, conflicts, reads, invalidates, touches, unresolved } = history.counts;
console.log(
  `${kind}: ${fleet.kills} kills, ${fleet.stops} stops in ${Math.round((performance.now() - began) / 1000)} s`,
);
console.log(`  ${acknowledged} writes acknowledged, ${conflicts} conflicts, ${unresolved} cut off by a kill`);
console.log(`  ${reads} reads, ${invalidates} invalidates, ${touches} touches`);
console.log(
  `  the longest call took ${Math.round(history.longest)} ms; left before the sweep: ${described(stock.found.left)}`,
);
const counts = rules.report(console.log);
if (counts.failed === 0) rmSync(place, { recursive: true });
else console.log(`  kept: ${place} (seed ${values.seed})`);
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
