// The live list: what is there, how long it still lives, and what can be done with it.
import { now, onTick } from "./clock.mjs";
import { byId, element, put } from "./dom.mjs";
import { download } from "./targets.mjs";
import { open } from "./by-hand.mjs";
import { told } from "./outcome.mjs";
import { all, invalidate, invalidateAll, touch } from "./sessions.mjs";
import { sendOut } from "./out.mjs";
import { onChange } from "./tabs.mjs";
import { count, moment, size, timeLeft } from "./text.mjs";

/** More rows than this are shown when they are asked for. */
const PAGE = 100;

/** Below this share of its time, a session is about to end. */
const LOW = 0.15;

const rows = new Map();
let sessions = [];
let most = PAGE;
let reading;
let isOutdated = false;
let outcome;

/** Resolves once the list was read for the first time. */
export function startList() {
  outcome = byId("list-outcome");
  byId("more").addEventListener("click", () => {
    most += PAGE;
    show();
  });
  byId("invalidate-all").addEventListener("click", askForAll);
  byId("all-question").addEventListener("close", endAll);
  onChange(refresh);
  onTick(tick);
  return refresh();
}

/** Reads all sessions anew. Calls that come meanwhile are answered by one more reading after it. */
function refresh() {
  isOutdated = true;
  reading ??= readUntilFresh().finally(() => {
    reading = undefined;
  });
  return reading;
}

async function readUntilFresh() {
  await told(outcome, async () => {
    while (isOutdated) {
      isOutdated = false;
      sessions = await all();
    }
  });
  const began = ({ info }) => info?.createdAt ?? Infinity;
  sessions.sort((one, other) => began(other) - began(one));
  show();
}

function show() {
  const bytes = sessions.reduce((sum, { info }) => sum + (info?.byteLength ?? 0), 0);
  put(
    byId("list-summary"),
    sessions.length > 0 ? `${count(sessions.length, "session")} · ${size(bytes)}` : "",
  );
  byId("empty").hidden = sessions.length > 0;
  byId("invalidate-all").disabled = sessions.length === 0;
  const rest = Math.max(0, sessions.length - most);
  byId("more").hidden = rest === 0;
  put(byId("more"), `Show ${Math.min(PAGE, rest)} more`);
  const shown = sessions.slice(0, most);
  const ids = new Set(shown.map(({ id }) => id));
  for (const [id, row] of rows) {
    if (ids.has(id)) continue;
    row.item.remove();
    rows.delete(id);
  }
  const list = byId("session-rows");
  for (const [at, session] of shown.entries()) {
    const row = rows.get(session.id) ?? makeRow(session.id);
    rows.set(session.id, row);
    // Only what is out of place is moved: a row that holds the focus would lose it.
    if (list.children[at] !== row.item) list.insertBefore(row.item, list.children[at] ?? null);
    row.show(session);
  }
  tick();
}

function tick() {
  const time = now();
  let isOver = false;
  for (const { tick } of rows.values()) isOver = tick(time) || isOver;
  // The storage has the last word on what has expired.
  if (isOver && reading === undefined) refresh();
}

function makeRow(id) {
  const name = element(
    "button",
    { type: "button", className: "id", title: "Read it" },
    element("bdi", {}, id),
  );
  const facts = element("span", { className: "facts" });
  const tags = element("span", { className: "tags" });
  const left = element("span", { className: "left" });
  const bar = element("progress", { max: 1, value: 1, "aria-label": "Time left" });
  const button = (text, action) => {
    const made = element(
      "button",
      { type: "button", className: "small", "aria-label": `${text} ${id}` },
      text,
    );
    made.addEventListener("click", action);
    return made;
  };
  const run = (work) => () => told(outcome, work);
  name.addEventListener("click", () => open(id));
  const touchIt = async () =>
    (await touch(id)) ? "Touched: its idle time begins anew." : "It was gone already.";
  const end = async () => ((await invalidate(id)) ? "Invalidated, for good." : "It was gone already.");
  const actions = element(
    "span",
    { className: "actions" },
    button("Touch", run(touchIt)),
    button(
      "Download",
      run(() => sendOut(id, download(id))),
    ),
    button("Invalidate", run(end)),
  );
  const life = element("span", { className: "life" }, bar, left);
  const names = element("span", { className: "name" }, name, tags);
  const item = element("li", { className: "row" }, names, facts, life, actions);
  let session;
  return {
    item,
    show(found) {
      session = found;
      const { info, error } = found;
      const words = info
        ? `${size(info.byteLength ?? 0)} · since ${moment(info.createdAt, now())}`
        : `cannot be read: ${error.code ?? error.name}`;
      put(facts, words);
      const known = Array.from(tags.children, (tag) => tag.textContent);
      if (known.join("\n") !== (info?.tags ?? []).join("\n")) {
        tags.replaceChildren(...(info?.tags ?? []).map((tag) => element("bdi", {}, tag)));
      }
    },
    /** Answers whether its time is up. */
    tick(time) {
      const { info, span } = session;
      life.hidden = !info;
      if (!info) return false;
      const isForEver = info.expiresAt === undefined;
      const rest = isForEver ? 1 : Math.max(0, info.expiresAt - time);
      const whole = isForEver ? 1 : Math.max(rest, span ?? info.expiresAt - info.createdAt, 1);
      bar.hidden = isForEver;
      bar.value = rest / whole;
      item.classList.toggle("low", rest / whole < LOW);
      put(left, isForEver ? "no end" : `${timeLeft(rest)} left`);
      return !isForEver && rest === 0;
    },
  };
}

function askForAll() {
  put(byId("all-count"), `Invalidate ${count(sessions.length, "session")}, for good?`);
  byId("all-question").showModal();
}

function endAll() {
  const question = byId("all-question");
  if (question.returnValue !== "yes") return;
  // The next time it may be left by Escape, which answers nothing.
  question.returnValue = "";
  told(outcome, async () => `${count(await invalidateAll(), "session")} invalidated, for good.`);
}
