/**
 * Times `calls` calls: thousands a second by the wall's clock, and by the processor time of this thread. On a
 * machine that others use too, the second says how much work a call is; it leaves out the collector's helpers.
 */
export function stopwatch() {
  const usage = process.threadCpuUsage();
  const start = performance.now();
  return (calls) => {
    const wall = calls / (performance.now() - start);
    const { user, system } = process.threadCpuUsage(usage);
    return { wall, cpu: (calls * 1_000) / (user + system) };
  };
}

/** The share of the time in which the machine let a thread run, over many timings. */
export function share(timings) {
  let wall = 0;
  let cpu = 0;
  for (const timing of timings) {
    wall += 1 / timing.wall;
    cpu += 1 / timing.cpu;
  }
  return cpu / wall;
}
