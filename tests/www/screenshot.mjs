// Makes the pictures of the browser test page:
//   node tests/www/screenshot.mjs http://localhost:8080 docs/page.png [--dark] [--size 1240x900] [--scale 1] [--full] [--measure]
import process from "node:process";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: "boolean", default: false },
    size: { type: "string", default: "1240x900" },
    scale: { type: "string", default: "1" },
    full: { type: "boolean", default: false },
    measure: { type: "boolean", default: false },
  },
});
const [address, file] = positionals;
if (!address || !file)
  throw new Error("Say where the demo runs and which file to write, as the first lines here do");
const [width, height] = values.size.split("x").map(Number);

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
try {
  const page = await browser.newPage({
    viewport: { width, height },
    deviceScaleFactor: Number(values.scale),
    colorScheme: values.dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  page.on("pageerror", (error) => console.error(`page: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && console.error(`console: ${message.text()}`));
  await page.goto(new URL("/page/", address).href);
  const fill = (label, text) => page.getByLabel(label, { exact: true }).fill(text);
  const write = async ({ id, text, idle = "", absolute = "", tags = "" }) => {
    await fill("Id", id);
    await fill("The text", text);
    await fill("Idle timeout", idle);
    await fill("Absolute timeout", absolute);
    await page.getByLabel("Keep the tags that are there").setChecked(tags === "");
    await fill("Tags, with commas between them", tags);
    await page.getByRole("button", { name: "Write", exact: true }).click();
    await page.locator("#hand-outcome", { hasText: "Written" }).waitFor();
  };
  await write({ id: "settings", text: JSON.stringify({ theme: "dark", locale: "de-DE" }) });
  await write({ id: "cart", text: "x".repeat(4_200), idle: "2h", absolute: "7d", tags: "user:17, shop" });
  await write({ id: "login on the phone", text: "x".repeat(350), absolute: "7d", tags: "user:17" });
  await write({ id: "one-time code", text: "493 221", absolute: "10m", tags: "user:17" });
  const draft = "Dear Ada,\n\nthe harbour is quiet today, and the limpets stay where they are.\n";
  await write({ id: "draft: letter to Ada", text: draft, idle: "30m", tags: "user:17, draft" });
  await page.evaluate(async () => (await import("/page/clock.mjs")).advance(8.6 * 60_000));
  await page.getByLabel("File", { exact: true }).check();
  await page.locator("#file").setInputFiles({
    name: "harbour.jpg",
    mimeType: "image/jpeg",
    buffer: Buffer.alloc(6_291_456, "sessile"),
  });
  await fill("Id", "harbour.jpg");
  await fill("Tags, with commas between them", "user:17, photo");
  await fill("Idle timeout", "12h");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.locator("#hand-outcome", { hasText: "Written: 6.3 MB" }).waitFor();
  await page.getByRole("button", { name: "draft: letter to Ada", exact: true }).click();
  await page.locator("#view-content", { hasText: "harbour is quiet" }).waitFor();
  await page.getByLabel("Text", { exact: true }).check();
  await fill("Idle timeout", "30m");
  await fill("Tags, with commas between them", "user:17, draft");
  if (values.measure) {
    await page.getByRole("button", { name: "Measure" }).click();
    await page.locator("#measure-outcome", { hasText: "sessile is ahead" }).waitFor({ timeout: 300_000 });
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator("#kit-outcome", { hasText: "failed" }).waitFor({ timeout: 300_000 });
  }
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo({ top: 0, behavior: "instant" });
  });
  await page.screenshot({ path: file, fullPage: values.full });
  const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
  if (overflow > 0) throw new Error(`The page is ${overflow} px wider than the window`);
} finally {
  await browser.close();
}
