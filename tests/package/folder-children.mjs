// Other processes for the tests of folders: programs of this runtime, in `folder-child.mjs`, and that of the crate.
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("folder-child.mjs", import.meta.url));

/** How this runtime runs a file; its garbage collector can be called. */
function runtime() {
  if (globalThis.Deno !== undefined) {
    return [process.execPath, "run", "--allow-all", "--no-prompt", "--v8-flags=--expose-gc"];
  }
  if (globalThis.Bun !== undefined) return [process.execPath, "run"];
  return [process.execPath, "--expose-gc"];
}

/** Runs a task of `folder-child.mjs` to its end, and answers what it answered. */
export async function inChild(task, args, around = []) {
  const printed = await finish([...around, ...runtime(), PROGRAM, task, ...args.map(String)]);
  return JSON.parse(printed.trim().split("\n").at(-1));
}

/** Runs the crate's own program (`tests/peer/folder_peer.rs`) to its end. */
export async function inPeer(task, args) {
  const program = process.env.FOLDER_PEER;
  if (program === undefined) throw new Error("FOLDER_PEER must name the program `folder_peer` of the crate");
  return (await finish([program, task, ...args.map(String)])).trim();
}

/** Puts a small file system of its own on a folder, for one program and as long as it runs. */
export function onSmallDisk(folder, options) {
  const user = process.getuid() === 0 ? "-m" : "-rm";
  const script = `mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`;
  return ["unshare", user, "sh", "-c", script, folder];
}

function finish([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (said.err += text));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(said.out);
      else reject(new Error(`${program} ended with ${signal ?? code}:\n${said.out}${said.err}`));
    });
  });
}
