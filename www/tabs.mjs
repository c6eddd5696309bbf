// What tabs tell each other. The storage gives no notice of changes, so whoever makes one says so.

const channel = new BroadcastChannel("sessile page");
const changes = new EventTarget();

/** After a change: everything that shows sessions reads them again, here and in the other tabs. */
export function announce() {
  channel.postMessage("changed");
  changes.dispatchEvent(new Event("change"));
}

/** Calls `listener` after each change of this tab or another, and when this tab is looked at again. */
export function onChange(listener) {
  changes.addEventListener("change", listener);
  channel.addEventListener("message", listener);
  document.addEventListener("visibilitychange", () => {
    // A tab that the browser had put to sleep has missed what the others said.
    if (!document.hidden) listener();
  });
}
