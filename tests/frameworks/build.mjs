// Builds an application of a framework that has a compiler.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";

/** Runs `program build` in a folder; `program` is a file of an installed package. */
export async function build(folder, program) {
  const file = join(import.meta.dirname, "node_modules", program);
  const child = spawn(process.execPath, [file, "build"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (log += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${program} build ended with ${code}\n${log}`);
}
