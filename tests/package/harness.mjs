// The smallest test runner that is the same in every runtime: no timers of its own before a run begins, no
// modules of a platform. It is loaded before the package, so that it can tell what the package added.

// Node 20 makes a global of its own when this is first looked at; Deno, when Node's modules are first asked for.
void globalThis.Response;
globalThis.process?.getBuiltinModule?.("node:fs");

/** The names that were global before the package was loaded. */
export const globalsBefore = new Set(Reflect.ownKeys(globalThis));

/** What the runner of this runtime tells the tests; see `suite.mjs`. */
export const settings = {};

/**
 * Whether the storages are combined in every way. That is done in one runtime: what differs between runtimes is met by each
 * storage alone.
 */
export const inDepth =
  globalThis.Deno === undefined &&
  globalThis.Bun === undefined &&
  globalThis.process?.versions?.node?.startsWith("24.") === true;

// Lines for whoever started the runner, not for people: the counts, and which test was begun last.
export const COUNTS_MARK = "#counts ";
export const RUNNING_MARK = "#running ";

const PATIENCE_MS = 60_000;
const cases = [];
const groups = [];

export function describe(name, body) {
  groups.push(name);
  body();
  groups.pop();
}

/** @param patience how long it may take, in milliseconds */
export function it(name, body, { patience = PATIENCE_MS } = {}) {
  cases.push({ group: groups[0] ?? name, name: [...groups, name].join(" › "), body, patience });
}

/** Runs every case that was described, one after another, and answers `{ passed, failed }`. */
export async function run(log) {
  let passed = 0;
  let failed = 0;
  let running = "before the first test";
  const fail = (name, error) => {
    failed += 1;
    log(`FAILED ${name}\n${indented(describeError(error))}`);
  };
  const stopWatching = onUnhandledRejection((reason) => fail(`${running}: unhandled rejection`, reason));
  let toldPassed = 0;
  let toldFailed = 0;
  let began = performance.now();
  for (const [index, { group, name, body, patience }] of cases.entries()) {
    running = name;
    log(RUNNING_MARK + name);
    const failedBefore = failed;
    try {
      await withPatience(body(), patience);
    } catch (error) {
      fail(name, error);
    }
    // A rejection is reported as unhandled only after the turn in which nobody took it.
    await pause(0);
    await pause(0);
    if (failed === failedBefore) passed += 1;
    if (cases[index + 1]?.group !== group) {
      const seconds = ((performance.now() - began) / 1_000).toFixed(1);
      log(`  ${group}: ${passed - toldPassed} passed, ${failed - toldFailed} failed, ${seconds} s`);
      [toldPassed, toldFailed, began] = [passed, failed, performance.now()];
    }
  }
  await pause(50);
  stopWatching();
  return { passed, failed };
}

function onUnhandledRejection(report) {
  const process = globalThis.Deno === undefined ? globalThis.process : undefined;
  if (typeof process?.on === "function") {
    process.on("unhandledRejection", report);
    return () => process.off("unhandledRejection", report);
  }
  // workerd reports a rejection too early and takes it back when somebody handles it after all.
  const waiting = new Map();
  const listener = (event) => {
    event.preventDefault();
    waiting.set(
      event.promise,
      setTimeout(() => report(event.reason), 0),
    );
  };
  const takeBack = (event) => clearTimeout(waiting.get(event.promise));
  globalThis.addEventListener("unhandledrejection", listener);
  globalThis.addEventListener("rejectionhandled", takeBack);
  return () => {
    globalThis.removeEventListener("unhandledrejection", listener);
    globalThis.removeEventListener("rejectionhandled", takeBack);
  };
}

async function withPatience(promise, patience) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${patience / 1000} s`)), patience);
  });
  try {
    await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function describeError(error) {
  if (!(error instanceof Error)) return `not an Error: ${String(error)}`;
  const head = `${error.name}: ${error.message}`;
  const stack = error.stack?.includes(error.message) ? error.stack : `${head}\n${error.stack ?? ""}`;
  return error.cause === undefined ? stack : `${stack}\ncaused by ${describeError(error.cause)}`;
}

function indented(text) {
  return text.replace(/^/gm, "    ");
}
