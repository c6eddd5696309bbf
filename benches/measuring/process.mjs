import { fork } from "node:child_process";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("child.mjs", import.meta.url));

/**
 * A process of its own for a measurement, whose module says where it is: in a shared one, inline caches that
 * have seen several stores, and the garbage of others, decide more than the store does.
 */
export function startProcess(address) {
  const module = basename(fileURLToPath(address));
  const child = fork(CHILD, [address], { execArgv: ["--expose-gc", "--no-warnings"] });
  let settle;
  const gone = (code, signal) =>
    settle?.reject(new Error(`the process of ${module} ended: ${signal ?? code}`));
  child.on("exit", gone);
  child.on("message", ({ result, error }) => {
    if (error === undefined) settle?.resolve(result);
    else settle?.reject(new Error(`in the process of ${module}: ${error}`));
  });
  return {
    ask: (task) =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
        child.send(task);
      }),
    stop: () =>
      new Promise((resolve) => {
        child.off("exit", gone);
        child.once("exit", resolve);
        child.disconnect();
        child.kill();
      }),
  };
}

/** One task in a fresh process. */
export async function inFreshProcess(module, task) {
  const child = startProcess(module);
  try {
    return await child.ask(task);
  } finally {
    await child.stop();
  }
}
