// The kit's own tests: the reference storage passes every case, and each broken storage fails those that it should.
//
//   node run.mjs [--kit <module>] [--storage <module>]
//
// The kit is taken from the installed package, `sessile/testing`, looked up from the working directory: so run it
// inside a folder where `sessile` is installed, or name a compiled kit by its path. With `--storage` the kit is run
// on the storages of that module instead: its `storages()` resolves with a list of { name, factory, capabilities }.
// Each result is printed, then `N passed, N failed`; the exit code is 1 if anything failed.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { broken } from "./broken/index.mjs";
import { harness } from "./harness.mjs";
import { minimal, reference } from "./storages.mjs";

const given = (name) => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
};
const locate = (module) => {
  if (/^[.\/]|^[A-Za-z]:/.test(module)) return pathToFileURL(resolve(module)).href;
  return pathToFileURL(createRequire(resolve("package.json")).resolve(module)).href;
};

const { testSessionStorage } = await import(
  locate(given("--kit") ?? process.env.SESSILE_KIT ?? "sessile/testing")
);
let passed = 0;
let failed = 0;
let unhandled = [];
const unproven = new Set();
process.on("unhandledRejection", (reason) => unhandled.push(reason));

function say(good, name, why) {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "ok    " : "FAILED"} ${name}${good ? "" : `\n       ${why}`}`);
}

async function mustPass({ name, factory, capabilities }) {
  const own = harness();
  testSessionStorage(own, factory, capabilities);
  const seen = new Set();
  const start = performance.now();
  await own.run(({ name: of, error, milliseconds }) => {
    const twice = seen.has(of) ? "two cases have this name" : undefined;
    seen.add(of);
    unproven.add(of);
    const stray = unhandled.length > 0 ? `a rejection was left unhandled: ${unhandled[0]}` : undefined;
    unhandled = [];
    const why = error?.message ?? twice ?? stray;
    const slow = milliseconds > 1_000 ? ` (${Math.round(milliseconds)} ms)` : "";
    say(why === undefined, `${name} ${of}${slow}`, why);
  });
  console.log(`       ${name}: ${own.cases.length} cases in ${Math.round(performance.now() - start)} ms`);
}

/** The cases named find what is broken; and not every case does, for then it would be something else. */
async function mustFail({ name, factory, capabilities, caughtBy }) {
  const own = harness();
  testSessionStorage(own, factory, { ...capabilities, patience: 300 });
  const ruleOf = (of) => of.slice(0, of.indexOf("_"));
  const rules = new Set(["C3", ...caughtBy.map(ruleOf)]);
  const known = new Set(own.cases.map((each) => each.name));
  const { passed: good, failed: found } = await own.run(undefined, (each) => rules.has(ruleOf(each.name)));
  unhandled = [];
  for (const of of found) unproven.delete(of);
  const why = [];
  for (const of of caughtBy) {
    if (!known.has(of)) why.push(`there is no case ${of}`);
    else if (!found.includes(of)) why.push(`not found by ${of}; found by ${found.join(", ") || "none"}`);
  }
  if (good === 0) why.push("every case fails");
  say(
    why.length === 0,
    `a storage that ${name}: ${found.length} of ${good + found.length} cases`,
    why.join("\n       "),
  );
}

const module = given("--storage");
if (module === undefined) {
  for (const storage of [...reference, minimal]) await mustPass(storage);
  for (const storage of broken) await mustFail(storage);
  say(unproven.size === 0, "every case finds some broken storage", [...unproven].join("\n       "));
} else {
  const { storages } = await import(locate(module));
  for (const storage of await storages()) await mustPass(storage);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
