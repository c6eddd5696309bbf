// Long work in a worker, one at a time for all tabs: two would disturb each other's measurements, and remove each
// other's databases.
import { removeTrials } from "./databases.mjs";
import { PageError } from "./sessions.mjs";

/** A browser that takes longer to stop, or to remove a database, is stuck with it; the next run tries again. */
const PATIENCE_MS = 10_000;

/**
 * Starts a worker with `task`, calls `onMessage` with all that it tells, and resolves when that is `{ end: true }`. Afterwards the
 * worker is gone, and so are its databases. When the signal fires, the worker is told `{ stop: true }`, ends what it has
 * begun, so that it leaves nothing open, and the call rejects with the signal's reason.
 */
export function workAlone(script, task, { onMessage, signal }) {
  const work = async () => {
    await cleared();
    const worker = new Worker(script, { type: "module" });
    try {
      await ended(worker, task, onMessage, signal);
    } finally {
      worker.terminate();
      await cleared();
    }
  };
  // Browsers lock for pages that came safely alone; without it, the reader has to see to it.
  if (!navigator.locks) return work();
  return navigator.locks.request("sessile page: long work", { ifAvailable: true }, (lock) => {
    if (!lock)
      throw new PageError("Tests or a measurement are under way in this tab or another. Wait for their end.");
    return work();
  });
}

async function cleared() {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([removeTrials(), late]).finally(() => clearTimeout(timer));
}

function ended(worker, task, onMessage, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      worker.postMessage({ stop: true });
      setTimeout(() => reject(signal.reason), PATIENCE_MS);
    };
    signal.addEventListener("abort", stop, { once: true });
    worker.addEventListener("message", ({ data }) => {
      if (data.failure) reject(new Error(data.failure));
      else if (!data.end) onMessage(data);
      else if (signal.aborted) reject(signal.reason);
      else resolve();
    });
    worker.addEventListener("error", ({ message }) => {
      reject(new Error(`the worker has ended: ${message || "it could not be loaded"}`));
    });
    worker.postMessage({ task });
  });
}
