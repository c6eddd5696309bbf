// The processes of a browser that we have started, and the memory that they hold. Linux alone tells it.
import { readdirSync, readFileSync } from "node:fs";
import { peak, resetPeak, resident } from "../measuring/resident.mjs";

/** How each engine calls the process that a page runs in. */
const PAGES = {
  chromium: (words) => words.includes("--type=renderer"),
  firefox: (words) => words.includes("-contentproc") && words.at(-1) === "tab",
  webkit: (words) => words[0].endsWith("WebKitWebProcess"),
};

/** The browser's processes, each with whether a page may be in it and what it holds now, from which its peak begins anew. */
export function watchProcesses(engine) {
  return descendants(process.pid).flatMap((pid) =>
    ifAlive(() => {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split(/[\0 ]/).filter(Boolean);
      resetPeak(pid);
      return [{ pid, isPage: PAGES[engine](words), idle: resident(pid) }];
    }, []),
  );
}

/** How far the peaks since then are above what was held: of the page's process, and of all together. */
export function growth(processes) {
  const over = ({ pid, idle }) => ifAlive(() => Math.max(0, peak(pid) - idle), 0);
  const pages = processes.filter(({ isPage }) => isPage);
  if (pages.length === 0) throw new Error("none of the browser's processes is known to be a page's");
  return {
    page: Math.max(...pages.map(over)),
    all: processes.reduce((total, one) => total + over(one), 0),
  };
}

function descendants(ancestor) {
  const children = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const status = ifAlive(() => readFileSync(`/proc/${pid}/status`, "utf8"), "");
    const parent = Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
  }
  const found = children.get(ancestor) ?? [];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** A process may end at any time. */
function ifAlive(work, otherwise) {
  try {
    return work();
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return otherwise;
    throw error;
  }
}
