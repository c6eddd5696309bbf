import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { equal } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

const tsc = join(import.meta.dirname, "../../pkg-template/node_modules/typescript/bin/tsc");

describe("our storages inside other libraries", () => {
  it("are what the libraries' own types want", async () => {
    const options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext", "--skipLibCheck"];
    const compile = promisify(execFile)(process.execPath, [tsc, ...options, "--types", "node", "stores.ts"], {
      cwd: import.meta.dirname,
    });
    const output = await compile.then(
      ({ stdout }) => stdout,
      (error) => error.stdout || String(error),
    );
    equal(output, "");
  });
});
