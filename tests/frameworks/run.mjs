// The adapters with the real frameworks, over real HTTP: `run.mjs`, or `run.mjs express koa` for these files alone.
import { readdir } from "node:fs/promises";
import process from "node:process";
import { COUNTS_MARK, run } from "../package/harness.mjs";

const only = process.argv.slice(2);
const files = (await readdir(import.meta.dirname)).filter((file) => file.endsWith(".test.mjs")).sort();
const wanted = files.filter((file) => only.length === 0 || only.includes(file.replace(".test.mjs", "")));
for (const file of wanted) await import(`./${file}`);
const counts =
  wanted.length < only.length || wanted.length === 0 ? { passed: 0, failed: 1 } : await run(console.log);
console.log(COUNTS_MARK + JSON.stringify(counts));
// Frameworks leave timers and sockets behind.
process.exit(counts.failed > 0 ? 1 : 0);
