// The page's time: the storage and everything that is shown take it from here, so that a test can move it.

let ahead = 0;
const movings = new EventTarget();

/** Milliseconds since the epoch. */
export const now = () => Date.now() + ahead;

/** Moves the time of this page alone. */
export function advance(milliseconds) {
  ahead += milliseconds;
  movings.dispatchEvent(new Event("moved"));
}

/** Calls `listener` each second, and when the time was moved. */
export function onTick(listener) {
  setInterval(listener, 1_000);
  movings.addEventListener("moved", listener);
}
