// What the browser gives this site to keep, whether it may take it back, and what the storage counts.
import { byId, put } from "./dom.mjs";
import { tell, told } from "./outcome.mjs";
import { sweep } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { onChange } from "./tabs.mjs";
import { count, size } from "./text.mjs";

export function startRoom() {
  const outcome = byId("room-outcome");
  byId("persist").addEventListener("click", () => told(outcome, persist));
  byId("sweep").addEventListener("click", () =>
    told(outcome, async () => `${count(await sweep(), "expired session")} removed.`),
  );
  onChange(look);
  look();
}

async function look() {
  await Promise.all([lookAtRoom(), lookAtStats()]).catch((error) =>
    told(byId("room-outcome"), () => Promise.reject(error)),
  );
}

async function lookAtRoom() {
  // Not every browser tells it, and none to a page that came by plain http from elsewhere.
  if (!navigator.storage?.estimate) {
    const why = globalThis.isSecureContext
      ? "this browser does not tell"
      : "told by https or on localhost alone";
    put(byId("quota"), why);
    put(byId("persisted"), why);
    byId("persist").hidden = true;
    return;
  }
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  const meter = byId("usage");
  meter.max = Math.max(quota, 1);
  meter.value = usage;
  put(byId("quota"), `${size(usage)} of ${size(quota)}`);
  const isKept = (await navigator.storage.persisted?.()) ?? false;
  put(
    byId("persisted"),
    isKept ? "kept until somebody removes it" : "may be removed when the disk gets full",
  );
  byId("persist").hidden = isKept;
  byId("persist").disabled = !navigator.storage.persist;
}

async function lookAtStats() {
  const { sessions, bytes, expired } = await storage.stats();
  put(
    byId("held"),
    `${count(sessions, "record")}, ${size(bytes)}: the sessions, and this page's list of ids`,
  );
  put(byId("expired"), `${count(expired, "session")} in this tab`);
}

async function persist() {
  const isKept = await navigator.storage.persist();
  await lookAtRoom();
  if (isKept) return "The browser keeps it from now on.";
  tell(byId("room-outcome"), "The browser has not agreed. It may, once the site is used more or bookmarked.");
  return undefined;
}
