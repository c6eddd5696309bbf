// The types of the adapters, with those of the frameworks; and without them, the types of all else.
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { equal, matches } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

const here = import.meta.dirname;
const TSC = join(here, "../../pkg-template/node_modules/typescript/bin/tsc");
/** These know their frameworks by what they use of them. */
const ADAPTERS = ["fastify", "h3", "koa", "react-router", "sveltekit"];
const STRICT = {
  target: "es2022",
  lib: ["es2022", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"],
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: [],
};

/** What the compiler says of a folder, which its `tsconfig.json` tells how to compile. */
function compiled(folder) {
  const { status, stdout } = spawnSync(process.execPath, [TSC, "--pretty", "false", "--project", folder]);
  return { status, said: stdout.toString() };
}

describe("types", () => {
  it("handlers have the sessions' types in each framework", async () => {
    const { status, said } = compiled(join(here, "types"));
    equal(said, "");
    equal(status, 0);
  });

  it("who has no framework can compile what needs none", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sessile-types-"));
    try {
      await mkdir(join(folder, "node_modules"));
      await cp(join(here, "node_modules/sessile"), join(folder, "node_modules/sessile"), { recursive: true });
      await writeFile(join(folder, "package.json"), '{ "type": "module" }');
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: STRICT }));
      await cp(join(here, "types/app.ts"), join(folder, "app.ts"));
      await writeFile(
        join(folder, "adapters.ts"),
        ADAPTERS.map((name) => `export * from "sessile/${name}";\n`).join(""),
      );
      equal(compiled(folder).said, "");

      await writeFile(join(folder, "adapters.ts"), 'export * from "sessile/hono";\n');
      matches(compiled(folder).said, /Cannot find module 'hono'/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
