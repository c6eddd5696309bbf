// Drives the browser test page, as the demo serves it, in a browser: node run.mjs ENGINE FOLDER COMMAND [ARGUMENTS]
// as in: node run.mjs firefox ../../demo node server.mjs. ONLY=words in the environment runs the cases whose names hold them.
import process from "node:process";
import { start } from "../demo/client.mjs";
import { openPage } from "../package/browser.mjs";
import { COUNTS_MARK } from "../package/harness.mjs";
import { backup } from "./backup.mjs";
import { byHand } from "./by-hand.mjs";
import { complaining } from "./complaining.mjs";
import { files } from "./files.mjs";
import { install } from "./inside.mjs";
import { longWork } from "./long-work.mjs";
import { looks } from "./looks.mjs";
import { tabs } from "./tabs.mjs";

const PATIENCE_MS = 240_000;

const [engine, folder, ...command] = process.argv.slice(2);
if (command.length === 0)
  throw new Error("Give the engine, the demo's folder and the command that starts it");

const server = await start(command, folder);
if (server.ended) throw new Error(`The server ended at once:\n${server.ended.output}`);
const origin = `http://localhost:${server.port}`;
const complaints = [];
let page = await newPage();

async function newPage() {
  const opened = await openPage(engine);
  listenTo(opened);
  return opened;
}

function listenTo(watched) {
  watched.onConsole(({ type, text }) => {
    // The empty page between two cases is an address that the server does not know.
    if (type === "error" && !/404/.test(text)) complaints.push(`console: ${text}`);
  });
}

/** What a case is given. */
const surroundings = {
  engine,
  origin,
  get page() {
    return page;
  },

  /** The page anew, with what it has kept. */
  async visit(watched = page) {
    await watched.goto(`${origin}/page/`);
    await watched.evaluate(install);
    await watched.evaluate(() => hands.ready());
  },

  /** A document of this origin that is not the page, on which the hands are, for frames. */
  async visitNothing() {
    await page.goto(`${origin}/nothing`);
    await page.evaluate(install);
  },

  /** A second tab of the same browser; undefined where the driver steers one window alone. */
  async tab() {
    const other = await page.another?.();
    if (other) {
      listenTo(other);
      await surroundings.visit(other);
    }
    return other;
  },

  /** For cases in which the page has to complain. */
  isForgiving: false,

  /** What the page has complained of until now. */
  takeErrors() {
    return [...complaints.splice(0), ...page.errors.splice(0)];
  },
};

/** No case finds what another has left. */
async function forgetAll() {
  await surroundings.visitNothing();
  await page.evaluate(async () => {
    for (const { name } of await indexedDB.databases()) {
      await new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name);
        request.onsuccess = resolve;
        request.onerror = () => reject(request.error);
      });
    }
  });
}

async function withPatience(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${PATIENCE_MS / 1_000} s`)), PATIENCE_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Engines may tell late what those of the last ones have made them complain of.
const all = { ...byHand, ...tabs, ...files, ...backup, ...longWork, ...looks, ...complaining };
const chosen = Object.entries(all).filter(([name]) => name.includes(process.env.ONLY ?? ""));
const counts = { passed: 0, failed: 0 };
for (const [name, run] of chosen) {
  try {
    await withPatience(
      (async () => {
        surroundings.isForgiving = false;
        await forgetAll();
        await surroundings.visit();
        await run(surroundings);
      })(),
    );
    const found = surroundings.takeErrors();
    if (found.length > 0 && !surroundings.isForgiving)
      throw new Error(`the page has complained:\n${found.join("\n")}`);
    counts.passed += 1;
    console.log(`ok     ${name}`);
  } catch (error) {
    counts.failed += 1;
    surroundings.takeErrors();
    // Whatever has failed may hang on to something.
    await page.kill();
    page = await newPage();
    console.log(`not ok ${name}\n${error.stack.replace(/^/gm, "    ")}`);
  }
}
await page.close();
await server.stop("SIGTERM");
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exit(counts.failed > 0 ? 1 : 0);
