// Makes the README's picture of a running demo:
//   node tests/demo/screenshot.mjs http://localhost:8080 docs/demo.png --races [--dark] [--size 1100x750] [--scale 2]
import process from "node:process";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: "boolean", default: false },
    size: { type: "string", default: "1100x750" },
    scale: { type: "string", default: "2" },
    page: { type: "string", default: "/" },
    races: { type: "boolean", default: false },
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
  });
  page.on("pageerror", (error) => console.error(`page: ${error.message}`));
  await page.clock.install();
  // The server would tell the page that no time has passed.
  await page.route("**/api/session", (route) => route.abort());
  const visits = ["/", "/room/harbour", "/", "/room/reef", "/", "/room/pier"];
  for (const path of visits) await page.goto(new URL(path, address).href);
  await page.goto(new URL(values.page, address).href);
  // A full bar looks like a rule, so the picture is of the page some minutes after the visit.
  await page.clock.fastForward("09:25");
  if (values.races) {
    await page.getByRole("button", { name: "50 at once" }).click();
    await page.getByText("Counted 50 of 50").waitFor();
    await page.getByRole("button", { name: "Log out in the middle" }).click();
    await page.getByText("20 of 20 were told").waitFor();
    await page.mouse.move(0, 0);
  }
  await page.waitForTimeout(1500);
  await page.screenshot({ path: file, fullPage: values.races });
  const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
  if (overflow > 0) throw new Error(`The page is ${overflow} px wider than the window`);
} finally {
  await browser.close();
}
