// The list of transfers: each with a bar, how far it is, and a button that gives it up.
import { byId, element, put } from "./dom.mjs";
import { tell, tellError } from "./outcome.mjs";
import { size, took } from "./text.mjs";

/** Those that have ended stay in sight as long as no more than this came after them. */
const SHOWN = 5;

/**
 * Shows a transfer of `total` bytes for as long as `work(passed, signal)` takes, which calls `passed(bytes)` for each piece.
 * Rejects as the work does, or with an `AbortError` once it was given up.
 */
export async function transfer(title, total, work) {
  const control = new AbortController();
  const bar = element("progress", { max: Math.max(total, 1), value: 0, "aria-label": title });
  const far = element("span", { className: "far" }, `0 B of ${size(total)}`);
  const button = element("button", { type: "button", className: "small" }, "Abort");
  const outcome = element("p", { className: "outcome", role: "status" });
  const head = element("p", { className: "what" }, element("strong", {}, title), far);
  const item = element("li", {}, head, element("div", { className: "run" }, bar, button), outcome);
  const list = byId("transfers");
  list.prepend(item);
  while (list.children.length > SHOWN && list.lastElementChild.dataset.over) list.lastElementChild.remove();
  button.addEventListener("click", () => control.abort());

  const began = performance.now();
  let done = 0;
  const passed = (bytes) => {
    done += bytes;
    bar.value = done;
    put(far, `${size(done)} of ${size(total)}`);
  };
  try {
    const answer = await work(passed, control.signal);
    const time = performance.now() - began;
    bar.value = bar.max;
    const rate = done > 0 ? `, ${size((done / Math.max(time, 1)) * 1_000)} a second` : "";
    tell(outcome, `${size(done)} in ${took(time)}${rate}.`);
    return answer;
  } catch (error) {
    tellError(outcome, error);
    throw error;
  } finally {
    button.remove();
    item.dataset.over = "true";
  }
}
