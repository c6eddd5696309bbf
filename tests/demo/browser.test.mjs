// The demo as a person meets it, in Chromium: node browser.test.mjs FOLDER COMMAND [ARGUMENTS]
import assert from "node:assert/strict";
import process from "node:process";
import { chromium } from "playwright-core";
import { start } from "./client.mjs";

const [folder, ...command] = process.argv.slice(2);
if (command.length === 0) throw new Error("Give the demo's folder and the command that starts it");

const { port, stop, ended } = await start(command, folder);
if (ended) throw new Error(`The server ended at once:\n${ended.output}`);
const address = `http://localhost:${port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
  ],
});

// A page that tells of every script error and of everything its policy has kept out.
async function openWindow(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  return { page, context, complaints };
}

const visits = async (page) => Number(await page.locator("#visits").textContent());

const cases = {
  "counts on its button and its links, and shows it": async () => {
    const { page, complaints } = await openWindow();
    await page.goto(address);
    assert.equal(await visits(page), 1);
    await page.getByRole("link", { name: "Visit again" }).click();
    await page.waitForFunction(() => document.getElementById("visits").textContent === "2");
    await page.getByRole("link", { name: "Reef" }).click();
    await page.waitForURL("**/room/reef");
    assert.equal(await visits(page), 3);
    assert.match(await page.locator(".where").textContent(), /at Reef, and came from Home/);
    assert.deepEqual(complaints, []);
  },

  "keeps the cookie from scripts, and a private window apart": async () => {
    const [one, other] = [await openWindow(), await openWindow()];
    await one.page.goto(address);
    await one.page.goto(address);
    await other.page.goto(address);
    assert.equal(await visits(one.page), 2);
    assert.equal(await visits(other.page), 1);
    assert.equal(await one.page.evaluate("document.cookie"), "");
    const [cookie] = await one.context.cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ["sid", true, "Lax", "/"]);
  },

  "counts the time down, also where the browser's clock is wrong": async () => {
    const { page } = await openWindow();
    await page.clock.install({ time: Date.now() + 3 * 60 * 60 * 1000 });
    await page.route("**/api/session", (route) => route.abort());
    await page.goto(address);
    assert.match(await page.locator("#left").textContent(), /^(30:00|29:5\d)$/);
    await page.clock.fastForward("10:00");
    assert.match(await page.locator("#left").textContent(), /^(20:00|19:[45]\d)$/);
    await page.clock.fastForward("20:00");
    assert.equal(await page.locator("#left").textContent(), "Expired");
    assert.equal(await page.locator("#bar").evaluate((bar) => bar.value), 0);
  },

  "shows what other tabs have done": async () => {
    const { page, context, complaints } = await openWindow();
    await page.clock.install();
    await page.goto(address);
    const tab = await context.newPage();
    await tab.goto(address);
    assert.equal(await visits(tab), 2);
    const revision = await page.locator("#revision").textContent();
    await page.clock.fastForward("00:16");
    await page.waitForFunction(() => document.getElementById("visits").textContent === "2");
    assert.notEqual(await page.locator("#revision").textContent(), revision);
    assert.deepEqual(complaints, []);
  },

  "logs out at its button, in every tab": async () => {
    const { page, context } = await openWindow();
    await page.goto(address);
    const tab = await context.newPage();
    await tab.goto(address);
    const [old] = await context.cookies();
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await page.waitForURL("**/goodbye");
    await page.getByRole("heading", { name: "You are logged out" }).waitFor();
    assert.deepEqual(await context.cookies(), []);
    await context.addCookies([old]);
    await tab.getByRole("link", { name: "Visit again" }).click();
    await tab.waitForFunction(() => document.getElementById("visits").textContent === "1");
    const [fresh] = await context.cookies();
    assert.notEqual(fresh.value, old.value);
  },

  "does not log out at another site's form": async () => {
    const { page, context } = await openWindow();
    await page.goto(address);
    const before = await context.cookies();
    await page.route("https://elsewhere.example/", (route) =>
      route.fulfill({
        contentType: "text/html",
        body: `<form method="post" action="${address}/logout"><button>win</button></form>`,
      }),
    );
    await page.goto("https://elsewhere.example/");
    const answer = page.waitForResponse("**/logout");
    await page.getByRole("button").click();
    assert.equal((await answer).status(), 403);
    await page.goto(address);
    assert.equal(await visits(page), 2);
    assert.deepEqual(await context.cookies(), before);
  },

  "races 50 additions at its button, and shows what the server counted": async () => {
    const { page, complaints } = await openWindow();
    await page.goto(address);
    const button = page.getByRole("button", { name: "50 at once" });
    await button.click();
    await page
      .getByRole("status")
      .getByText(/^Counted 50 of 50; where the last write wins, \d+ of 50\.$/)
      .waitFor();
    assert.equal(await page.locator("#updated").textContent(), "50 of 50");
    const [, lost] = /^(\d+) of 50$/.exec(await page.locator("#overwritten").textContent());
    assert.ok(Number(lost) < 50, lost);
    // What another server counts is shown too, so the page has not made it up.
    await page.route("**/race/result", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), counted: 7, additions: 49 } });
    });
    await button.click();
    await page.getByText("Counted 7 of 49; where the last write wins, 7 of 49.").waitFor();
    assert.equal(await page.locator("#updated").textContent(), "7 of 49");
    assert.deepEqual(complaints, []);
  },

  "logs out amid slow requests at its button, by the keyboard": async () => {
    const { page, context, complaints } = await openWindow();
    await page.goto(address);
    const begun = [];
    page.on("request", (request) => request.url().endsWith("/race/begin") && begun.push(request));
    await page.getByRole("button", { name: "Log out in the middle" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page
      .getByRole("status")
      .getByText("20 of 20 were told that the session has ended. 0 sessions left.")
      .waitFor();
    assert.equal(await page.locator("#told").textContent(), "20 of 20");
    assert.equal(await page.locator("#alive").textContent(), "0");
    assert.equal(begun.length, 1);
    assert.equal(await page.evaluate("document.activeElement.id"), "race-logout");
    const cookies = (await context.cookies()).map(({ name }) => name).sort();
    assert.deepEqual(cookies, ["race-score", "sid"]);
    assert.equal(await visits(page), 1);
    assert.deepEqual(complaints, []);
  },

  "shows a race that failed as failed, and none of its numbers": async () => {
    const { page } = await openWindow();
    await page.goto(address);
    const outcome = page.locator("#additions-outcome");
    const button = page.getByRole("button", { name: "50 at once" });
    const failures = [
      [(route) => route.fulfill({ status: 500, body: "" }), "The server answered 500."],
      [(route) => route.abort(), "The server does not answer."],
      [(route) => route.fulfill({ status: 409, body: "" }), "The race was broken off."],
    ];
    for (const [fail, text] of failures) {
      await page.route("**/race/overwrite", fail);
      await button.click();
      await page.getByRole("status").getByText(text).waitFor();
      assert.equal(await outcome.evaluate((element) => element.className), "outcome failed");
      assert.equal(await page.locator("#overwritten").textContent(), "–");
      await page.unroute("**/race/overwrite");
    }
    await button.click();
    await page.getByRole("status").getByText("Counted 50 of 50").waitFor();
    assert.equal(await outcome.evaluate((element) => element.className), "outcome heard");
  },

  "fits a telephone, and works without scripts": async () => {
    for (const path of ["/", "/goodbye", `/room/${"wide".repeat(40)}`]) {
      const { page } = await openWindow({ viewport: { width: 375, height: 700 }, javaScriptEnabled: true });
      await page.goto(address + path);
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 375, path);
    }
    const { page } = await openWindow({ javaScriptEnabled: false });
    await page.goto(address);
    await page.getByRole("link", { name: "Visit again" }).click();
    await page.getByText("2", { exact: true }).waitFor();
    assert.equal(await page.getByRole("button", { name: "50 at once" }).count(), 0);
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await page.getByRole("heading", { name: "You are logged out" }).waitFor();
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n${error.stack}`);
  }
}
await browser.close();
await stop("SIGTERM");
console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
