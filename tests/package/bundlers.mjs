// Builds `bundled-app.mjs` with a bundler as it comes, and runs what came out: `bundlers.mjs APP esbuild`.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withPage } from "./browser.mjs";
import { describe, it, run, COUNTS_MARK } from "./harness.mjs";
import { equal, same } from "./expect.mjs";

const [app, bundler] = process.argv.slice(2);
const EXPECTED = "written and read";
// Advice on sizes is for the whole of an app; the package's own is checked by the stage `size`.
const SIZE_ADVICE =
  /^(asset size limit|entrypoint size limit|webpack performance recommendations):|Some chunks are larger than/;

// Each in a folder below the one where the package is installed.
const folder = join(app, `with-${bundler}`);
mkdirSync(join(folder, "src"), { recursive: true });
copyFileSync(join(app, "bundled-app.mjs"), join(folder, "src/index.js"));
// Where their output goes by default.
process.chdir(folder);

const page = (script) =>
  `<!doctype html><title>not run</title><body><script type="module" src="${script}"></script></body>`;

const bundlers = {
  async esbuild() {
    const { build } = await import("esbuild");
    const options = {
      absWorkingDir: folder,
      entryPoints: ["src/index.js"],
      bundle: true,
      logLevel: "warning",
    };
    const { warnings } = await build({ ...options, outfile: "dist/main.js" });
    const server = await build({ ...options, platform: "node", outfile: "dist/server.cjs" });
    writeFileSync(join(folder, "dist/index.html"), page("main.js"));
    return [...warnings, ...server.warnings].map(({ text }) => text);
  },

  async vite() {
    const { build, createLogger } = await import("vite");
    writeFileSync(join(folder, "index.html"), page("/src/index.js"));
    const warnings = [];
    const logger = createLogger("warn");
    logger.warn = (text) => warnings.push(text);
    logger.warnOnce = (text) => warnings.push(text);
    await build({ root: folder, configFile: false, customLogger: logger });
    return warnings.filter((text) => !SIZE_ADVICE.test(text));
  },

  async webpack() {
    const { default: webpack } = await import("webpack");
    const stats = await new Promise((resolve, reject) => {
      // The mode is the one thing that webpack asks of everybody.
      webpack({ context: folder, mode: "production" }, (error, result) =>
        error ? reject(error) : resolve(result),
      );
    });
    const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
    same(errors, [], "errors");
    writeFileSync(join(folder, "dist/index.html"), page("main.js"));
    return warnings.map(({ message }) => message).filter((text) => !SIZE_ADVICE.test(text));
  },
};

describe(bundler, () => {
  it("builds without a word", async () => {
    same(await bundlers[bundler](), [], "warnings");
  });

  it("makes what runs in Chromium", async () => {
    const title = await withPage("chromium", join(folder, "dist"), async (page, origin) => {
      const complaints = [];
      page.onConsole(({ type, text }) => type === "error" && complaints.push(text));
      await page.goto(origin);
      const found = await page.evaluate(async () => {
        const until = performance.now() + 20_000;
        while (document.title === "not run" && performance.now() < until) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return document.title;
      });
      same([...page.errors, ...complaints], [], "errors of the page");
      return found;
    });
    equal(title, EXPECTED, "title");
  });

  if (bundler === "esbuild") {
    it("makes what runs in Node as CommonJS", async () => {
      const output = execFileSync(process.env.NODE20, [join(folder, "dist/server.cjs")], {
        encoding: "utf8",
      });
      equal(output.trim(), EXPECTED, "output");
    });
  }
});

const counts = await run(console.log);
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
