// The server of `server.mjs`, as those who ask it see it.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("server.mjs", import.meta.url));

/**
 * Answers, once the server runs:
 * - `request(call, index)`, with the milliseconds from sending it to its answer;
 * - `sweeping(work)`: it sweeps, one call after another, while `work(until)` runs; with what each call did;
 * - `stop()`.
 */
export async function startServer(folder) {
  const child = fork(SERVER, [folder]);
  const waiting = new Map();
  let swept = [];
  let onSwept = () => {};
  let onStopped;
  let fail;
  const failed = new Promise((_, reject) => (fail = reject));
  failed.catch(() => {});
  const unlessFailed = (promise) => Promise.race([promise, failed]);
  const ready = new Promise((resolve) => child.once("message", resolve));
  const gone = (code, signal) => fail(new Error(`the server ended: ${signal ?? code}`));
  child.on("exit", gone);
  child.on("message", (message) => {
    if (message.error !== undefined) fail(new Error(`in the server: ${message.error}`));
    if (message.stopped) onStopped();
    if (message.swept !== undefined) {
      swept.push(message.swept);
      onSwept();
    }
    waiting.get(message.answered)?.();
    waiting.delete(message.answered);
  });
  await unlessFailed(ready);

  let number = 0;
  return {
    request(call, index) {
      const start = performance.now();
      const own = (number += 1);
      const answered = new Promise((resolve) => {
        waiting.set(own, () => resolve(performance.now() - start));
      });
      child.send({ number: own, call, index });
      return unlessFailed(answered);
    },
    async sweeping(work) {
      swept = [];
      const stopped = new Promise((resolve) => (onStopped = resolve));
      child.send({ sweep: true });
      await work((isEnough) =>
        unlessFailed(
          new Promise((resolve) => {
            onSwept = () => isEnough(swept) && resolve();
          }),
        ),
      );
      child.send({ sweep: false });
      await unlessFailed(stopped);
      return swept;
    },
    stop: () =>
      new Promise((resolve) => {
        child.off("exit", gone);
        child.once("exit", resolve);
        child.disconnect();
        child.kill();
      }),
  };
}
