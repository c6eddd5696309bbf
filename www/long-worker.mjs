// The worker's side of long work: it begins with a task, tells how it goes, and stops between two steps.

let isStopping = false;

/** Calls `run(task, isStopped)` for the task that comes, and tells its end, or why there was none. */
export function onTask(run) {
  addEventListener("message", async ({ data: { task, stop } }) => {
    if (stop) {
      isStopping = true;
      return;
    }
    try {
      await run(task, () => isStopping);
      postMessage({ end: true });
    } catch (error) {
      postMessage({ failure: String(error?.message ?? error) });
    }
  });
}
