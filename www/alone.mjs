// Long work in a worker, one at a time for all tabs: two would disturb each other's measurements, and remove each
// other's databases.
import { removeTrials } from "./databases.mjs";
import { PageError } from "./sessions.mjs";

/**
 * Starts a worker with `task`, calls `onMessage` with all that it tells, and resolves when that is `{ end: true }`. Afterwards the
 * worker is gone, and so are its databases. Rejects with the signal's reason when that fires.
 */
export function workAlone(script, task, { onMessage, signal }) {
  const work = async () => {
    await removeTrials();
    const worker = new Worker(script, { type: "module" });
    try {
      await ended(worker, task, onMessage, signal);
    } finally {
      worker.terminate();
      await removeTrials();
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

function ended(worker, task, onMessage, signal) {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    worker.addEventListener("message", ({ data }) => {
      if (signal.aborted) return;
      if (data.failure) reject(new Error(data.failure));
      else if (data.end) resolve();
      else onMessage(data);
    });
    worker.addEventListener("error", ({ message }) => {
      reject(new Error(`the worker has ended: ${message || "it could not be loaded"}`));
    });
    worker.postMessage(task);
  });
}
