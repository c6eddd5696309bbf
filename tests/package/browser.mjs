// A page in Chromium, Firefox or WebKit, with what the tests ask of one in the same words for all three.
import process from "node:process";
import { launch } from "puppeteer-core";
import { serve } from "./static-server.mjs";
import { openWebKit } from "./webkit.mjs";

export const ENGINES = ["chromium", "firefox", "webkit"];

// The tests need no network of the browser's own.
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // What it finds wrong with its own files stands nowhere else.
  "--enable-logging=stderr",
];

/** In kilobytes, for all sites together; a single one may have all of it while that is little. */
const FIREFOX_QUOTA = "dom.quotaManager.temporaryStorage.fixedLimit";

// Longer than any test may take, since each stops itself.
const PATIENCE_MS = 600_000;

/** Calls `work(page, origin)` with a fresh page of `engine` and a server of `folder`; both end with it. */
export async function withPage(engine, folder, work, options) {
  const server = await serve(folder);
  try {
    const page = await openPage(engine, options);
    try {
      return await work(page, server.origin);
    } finally {
      await page.close();
    }
  } finally {
    server.close();
  }
}

/**
 * Starts the browser and answers its page:
 * - `goto(url)`, once the page is loaded;
 * - `evaluate(fn, ...args)`, whose arguments and result are JSON, and which awaits what `fn` answers;
 * - `onConsole(listener)`, called with `{ type, text }`;
 * - `onLog(listener)`, called with pieces of what the browser itself writes about its work: not in WebKit;
 * - `errors`, what nobody on the page has caught, and what its policy has kept out, so far;
 * - `press(key)`, on the keyboard;
 * - `screenshot(path)`, a PNG;
 * - `another()`, a second page of this browser, which `leave()` closes: not in WebKit, whose driver steers one window;
 * - `open(url)`, which opens it in another tab that nobody steers;
 * - `close()`, and `kill()`, which ends every process of the browser with SIGKILL.
 *
 * With `profile`, a folder, the browser keeps there what it stores; without it, nothing outlives the page. With
 * `quota`, a page may keep about so many bytes; WebKit knows of quotas only with a profile.
 */
export function openPage(engine, { profile, quota } = {}) {
  switch (engine) {
    case "chromium":
      return openPuppeteer({
        executablePath: program("CHROMIUM", "/usr/bin/chromium"),
        args: CHROMIUM_FLAGS,
        userDataDir: profile,
        quota,
      });
    case "firefox":
      return openPuppeteer({
        browser: "firefox",
        executablePath: program("FIREFOX", "/usr/bin/firefox-esr"),
        userDataDir: profile,
        extraPrefsFirefox: quota && { [FIREFOX_QUOTA]: Math.ceil(quota / 1_024) },
      });
    case "webkit":
      return openWebKit({
        driver: program("WEBKITWEBDRIVER", "/usr/bin/WebKitWebDriver"),
        profile,
        quota,
        patience: PATIENCE_MS,
      });
    default:
      throw new Error(`there is no engine "${engine}"; there are: ${ENGINES.join(", ")}`);
  }
}

function program(variable, usual) {
  return process.env[variable] ?? usual;
}

/** How a page tells what its policy has kept out. */
const KEPT_OUT = "kept out by";

/** Puppeteer tidies the profile of a killed Firefox when it sees it gone, perhaps while it lays out the next one's. */
async function launched(options, tries = 5) {
  try {
    return await launch({ ...options, headless: true, protocolTimeout: PATIENCE_MS });
  } catch (error) {
    if (error?.code !== "ENOENT" || tries === 1) throw error;
    return launched(options, tries - 1);
  }
}

async function openPuppeteer({ quota, ...options }) {
  const browser = await launched(options);
  const firefox = options.browser === "firefox";
  // In the tab that Firefox starts with, its own agent now and then throws "Permission denied to access property
  // "length"" beside the script that each new document begins with, and says that the page did.
  const [page = await browser.newPage()] = firefox ? [] : await browser.pages();
  // Firefox takes its quota from its profile.
  return pageOf(browser, page, firefox ? undefined : quota);
}

async function pageOf(browser, page, quota) {
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error?.stack ?? error)));
  page.on("console", (message) => {
    if (message.text().startsWith(KEPT_OUT)) errors.push(message.text());
  });
  await page.evaluateOnNewDocument((mark) => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      console.error(`${mark} ${effectiveDirective}: ${blockedURI}`);
    });
  }, KEPT_OUT);
  return {
    errors,
    onConsole: (listener) =>
      page.on("console", (message) => listener({ type: message.type(), text: message.text() })),
    onLog: (listener) => browser.process().stderr?.on("data", (piece) => listener(String(piece))),
    async goto(url) {
      if (quota !== undefined) {
        const session = await page.createCDPSession();
        await session.send("Storage.overrideQuotaForOrigin", {
          origin: new URL(url).origin,
          quotaSize: quota,
        });
      }
      await page.goto(url);
    },
    open: async (url) => void (await (await browser.newPage()).goto(url)),
    evaluate: (work, ...args) => page.evaluate(work, ...args),
    press: (key) => page.keyboard.press(key),
    screenshot: (path) => page.screenshot({ path }),
    another: async () => pageOf(browser, await browser.newPage(), quota),
    leave: () => page.close(),
    close: () => browser.close(),
    async kill() {
      const { pid, exitCode, signalCode } = browser.process();
      if (exitCode !== null || signalCode !== null) return;
      const gone = new Promise((resolve) => browser.process().once("exit", resolve));
      // The browser is the first of its process group.
      process.kill(-pid, "SIGKILL");
      await gone;
    },
  };
}
