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
];

// Longer than any test may take, since each stops itself.
const PATIENCE_MS = 600_000;

/** Calls `work(page, origin)` with a fresh page of `engine` and a server of `folder`; both end with it. */
export async function withPage(engine, folder, work) {
  const server = await serve(folder);
  try {
    const page = await openPage(engine);
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
 * - `errors`, what nobody on the page has caught, and what its policy has kept out, so far;
 * - `press(key)`, on the keyboard;
 * - `screenshot(path)`, a PNG;
 * - `another()`, a second page of this browser, which `leave()` closes: not in WebKit, whose driver steers one window;
 * - `close()`, and `kill()`, which ends every process of the browser with SIGKILL.
 *
 * With `profile`, a folder, the browser keeps there what it stores; without it, nothing outlives the page.
 */
export function openPage(engine, { profile } = {}) {
  switch (engine) {
    case "chromium":
      return openPuppeteer({
        executablePath: program("CHROMIUM", "/usr/bin/chromium"),
        args: CHROMIUM_FLAGS,
        userDataDir: profile,
      });
    case "firefox":
      return openPuppeteer({
        browser: "firefox",
        executablePath: program("FIREFOX", "/usr/bin/firefox-esr"),
        userDataDir: profile,
      });
    case "webkit":
      return openWebKit({
        driver: program("WEBKITWEBDRIVER", "/usr/bin/WebKitWebDriver"),
        profile,
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

async function openPuppeteer(options) {
  const browser = await launch({ ...options, headless: true, protocolTimeout: PATIENCE_MS });
  const [page = await browser.newPage()] = await browser.pages();
  return pageOf(browser, page);
}

async function pageOf(browser, page) {
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
    goto: (url) => page.goto(url),
    evaluate: (work, ...args) => page.evaluate(work, ...args),
    press: (key) => page.keyboard.press(key),
    screenshot: (path) => page.screenshot({ path }),
    another: async () => pageOf(browser, await browser.newPage()),
    leave: () => page.close(),
    close: () => browser.close(),
    async kill() {
      const { pid } = browser.process();
      const gone = new Promise((resolve) => browser.process().once("exit", resolve));
      // The browser is the first of its process group.
      process.kill(-pid, "SIGKILL");
      await gone;
    },
  };
}
