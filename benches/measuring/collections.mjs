// What the garbage collector did meanwhile.
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { sum } from "./statistics.mjs";

/** Watches from now on; the function answered ends it with the milliseconds, total and longest. */
export function watchCollections() {
  const pauses = [];
  const keep = (entries) => {
    for (const { startTime, duration } of entries) pauses.push({ startTime, duration });
  };
  const observer = new PerformanceObserver((list) => keep(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  return async () => {
    const end = performance.now();
    // Entries are delivered later than they happen.
    await pause(20);
    keep(observer.takeRecords());
    observer.disconnect();
    const durations = pauses.filter(({ startTime }) => startTime <= end).map(({ duration }) => duration);
    return { gcTotal: sum(durations), gcLongest: Math.max(0, ...durations) };
  };
}

/** Leaves no garbage behind, and gives the memory time to go back to the system. */
export async function collect() {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc();
    await pause(30);
  }
}
