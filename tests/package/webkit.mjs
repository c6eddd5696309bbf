// Starts WebKitGTK: a display that nobody sees, WebKitWebDriver, and the window of `webkit-window.mjs`.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Builder, Key } from "selenium-webdriver";

const WINDOW = fileURLToPath(new URL("webkit-window.mjs", import.meta.url));
const SCREEN = "1280x1024x24";
const STARTS_WITHIN_MS = 20_000;

/** A page as `browser.mjs` describes it. */
export async function openWebKit({ driver, profile, quota, patience }) {
  const folder = mkdtempSync(join(tmpdir(), "sessile-webkit-"));
  const reports = await listen(join(folder, "reports"));
  const running = [];
  // The browser before its display, which it would notice.
  const stop = () => running.toReversed().forEach((program) => program.stop());
  const end = async () => {
    watch("off");
    stop();
    reports.close();
    await Promise.all(running.map(({ gone }) => gone));
    rmSync(folder, { recursive: true, force: true });
  };
  const stopAndExit = () => process.exit(1);
  const watch = (method) => {
    process[method]("exit", stop);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process[method](signal, stopAndExit);
  };
  watch("on");
  try {
    const display = start(
      "SIGTERM",
      "Xvfb",
      ["-displayfd", "3", "-screen", "0", SCREEN, "-nolisten", "tcp"],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      },
    );
    running.push(display);
    const number = await firstLine(display.child.stdio[3], display);
    const port = await freePort();
    const webkit = start("SIGKILL", driver, [`--port=${port}`], {
      stdio: "ignore",
      env: {
        ...process.env,
        DISPLAY: `:${number}`,
        // A sandbox needs rights that containers and CI do not give; the pages are our own.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
        WEBKIT_DISABLE_COMPOSITING_MODE: "1",
      },
    });
    running.push(webkit);
    const address = `http://127.0.0.1:${port}`;
    await answering(`${address}/status`, webkit);
    const browser = await new Builder()
      .usingServer(address)
      .withCapabilities({
        browserName: "sessile",
        "webkitgtk:browserOptions": {
          binary: "/usr/bin/gjs",
          args: ["-m", WINDOW, reports.path, ...kept(profile, quota)],
        },
      })
      .build();
    await browser.manage().setTimeouts({ script: patience, pageLoad: patience });
    return page(browser, reports, end);
  } catch (error) {
    await end();
    throw error;
  }
}

/** The profile, and which share of its volume's space a page may have. */
function kept(profile, quota) {
  if (profile === undefined) return [];
  if (quota === undefined) return [profile];
  const { blocks, bsize } = statfsSync(profile);
  return [profile, String(quota / (blocks * bsize))];
}

function page(browser, reports, end) {
  const errors = [];
  const listeners = [];
  reports.on((report) => {
    if (report.error !== undefined) errors.push(report.error);
    if (report.text !== undefined) for (const listener of listeners) listener(report);
  });
  let marks = 0;
  return {
    errors,
    onConsole: (listener) => listeners.push(listener),
    goto: (url) => browser.get(url),
    async open(url) {
      const own = await browser.getWindowHandle();
      await browser.switchTo().newWindow("tab");
      await browser.get(url);
      await browser.switchTo().window(own);
    },
    async evaluate(work, ...args) {
      const mark = ++marks;
      const seen = reports.once((report) => report.mark === mark);
      const { value, failure } = await browser.executeAsyncScript(
        `const [args, mark, done] = arguments;
        const answer = (answered) => {
          // What the page has reported until now comes before this, and is awaited with it.
          webkit.messageHandlers.reports.postMessage({ mark });
          done(answered);
        };
        (async () => (${work})(...args))().then(
          (value) => answer({ value }),
          (error) => answer({ failure: String(error) + "\\n" + (error?.stack ?? "") }),
        );`,
        args,
        mark,
      );
      await seen;
      if (failure !== undefined) throw new Error(`on the page: ${failure}`);
      return value;
    },
    press: (key) => browser.actions().sendKeys(Key[key.toUpperCase()]).perform(),
    async screenshot(path) {
      const taken = reports.once((report) => report.picture === path);
      await browser.executeScript(
        "webkit.messageHandlers.reports.postMessage({ picture: arguments[0] })",
        path,
      );
      await taken;
    },
    async close() {
      await browser.quit();
      await end();
    },
    // The driver began the group that the browser's processes are in.
    kill: end,
  };
}

/** Begins a process group of its own, to which `stop` sends the signal `ending`. */
function start(ending, command, args, options) {
  const child = spawn(command, args, { ...options, detached: true });
  let failure;
  const gone = new Promise((resolve) => {
    child.once("exit", () => {
      failure ??= new Error(`${command} ended before it was of use; run it by hand to see why`);
      resolve();
    });
    child.once("error", (error) => {
      failure = new Error(`${command} cannot be started; install it, or say where it is`, { cause: error });
      resolve();
    });
  });
  const stop = () => {
    try {
      process.kill(-child.pid, ending);
    } catch {
      // It has ended by itself.
    }
  };
  return { child, gone, stop, failure: () => failure };
}

async function firstLine(stream, { gone, failure }) {
  const line = new Promise((resolve) => createInterface({ input: stream }).once("line", resolve));
  const text = await Promise.race([line, gone]);
  if (text === undefined) throw failure();
  return text;
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

async function answering(url, { failure }) {
  const until = Date.now() + STARTS_WITHIN_MS;
  for (;;) {
    if (failure() !== undefined) throw failure();
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > until) throw new Error(`${url} does not answer after ${STARTS_WITHIN_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A socket to which the window reports, a JSON value a line. */
async function listen(path) {
  const listeners = new Set();
  const server = createServer((socket) => {
    // Its end is an error when the window was killed.
    socket.on("error", () => {});
    createInterface({ input: socket }).on("line", (line) => {
      const report = JSON.parse(line);
      for (const listener of listeners) listener(report);
    });
  });
  await new Promise((listening) => server.listen(path, listening));
  return {
    path,
    on: (listener) => listeners.add(listener),
    once: (matches) =>
      new Promise((resolve) => {
        const listener = (report) => {
          if (!matches(report)) return;
          listeners.delete(listener);
          resolve(report);
        };
        listeners.add(listener);
      }),
    close: () => server.close(),
  };
}
