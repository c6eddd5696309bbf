// The memory that a process holds. Linux tells its peak, and lets that begin anew; elsewhere there is nothing as
// exact.
import { readFileSync, writeFileSync } from "node:fs";

export const isTold = process.platform === "linux";

export const resident = (pid = "self") => told("VmRSS", pid);

/** The most since the last `resetPeak`. */
export const peak = (pid = "self") => told("VmHWM", pid);

export function resetPeak(pid = "self") {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function told(name, pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)[1]) * 1_024;
}
