// sessile beside other stores over IndexedDB, measured in this browser, now.
import { workAlone } from "./alone.mjs";
import { panel } from "./chart.mjs";
import { byId, element, onSubmit, put } from "./dom.mjs";
import { MEASURES } from "./measures.mjs";
import { tell, told } from "./outcome.mjs";
import { STORES } from "./stores.mjs";
import { perSecond, took } from "./text.mjs";

const OURS = "sessile";
const LENGTHS = {
  short: { rounds: 3, atOnce: 500, inTurn: 60 },
  long: { rounds: 7, atOnce: 2_000, inTurn: 200 },
};

/** Two figures that are closer than this are called alike: no browser's clock, and no machine, is steadier. */
const ALIKE = 0.05;

let running;

export function startThroughput() {
  const outcome = byId("measure-outcome");
  onSubmit(byId("measure"), (action) => {
    if (action === "stop") running?.abort();
    else told(outcome, run);
  });
}

async function run() {
  const task = LENGTHS[byId("measure").elements.extent.value];
  const control = new AbortController();
  running = control;
  setRunning(true);
  const found = Object.fromEntries(STORES.map((store) => [store, []]));
  const bar = byId("measure-bar");
  const began = performance.now();
  try {
    await workAlone("./throughput-worker.mjs", task, {
      signal: control.signal,
      onMessage({ store, figures, done, of }) {
        bar.max = of;
        bar.value = done;
        if (figures) found[store].push(figures);
      },
    });
  } catch (error) {
    if (error !== control.signal.reason) throw error;
    tell(byId("measure-outcome"), "Stopped. Nothing is shown of half a measurement.");
    return undefined;
  } finally {
    setRunning(false);
  }
  return show(medians(found), task, performance.now() - began);
}

function setRunning(isRunning) {
  byId("measure-run").hidden = isRunning;
  byId("measure-stop").hidden = !isRunning;
  byId("measure-bar").hidden = !isRunning;
  byId("measure-bar").value = 0;
  (isRunning ? byId("measure-stop") : byId("measure-run")).focus();
}

/** Calls per second by store and measure. */
function medians(found) {
  const median = (numbers) => {
    const sorted = numbers.toSorted((one, other) => one - other);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };
  const of = (rounds, key) => median(rounds.map((figures) => figures[key])) * 1_000;
  const all = (rounds) => Object.fromEntries(Object.keys(MEASURES).map((key) => [key, of(rounds, key)]));
  return Object.fromEntries(Object.entries(found).map(([store, rounds]) => [store, all(rounds)]));
}

function show(figures, { rounds, atOnce, inTurn }, time) {
  const verdicts = Object.values(MEASURES).map(({ key, title }) => ({
    title,
    key,
    ...verdict(figures, key),
  }));
  byId("chart").replaceChildren(
    ...verdicts.map(({ title, key }) =>
      panel(
        title,
        STORES.map((store) => ({ name: store, value: figures[store][key], isOurs: store === OURS })),
      ),
    ),
  );
  const rows = STORES.map((store) => [store, ...verdicts.map(({ key }) => perSecond(figures[store][key]))]);
  rows.push(["to the best of the others", ...verdicts.map(({ ratio }) => `× ${ratio.toFixed(2)}`)]);
  byId("measure-head").replaceChildren(
    ...["calls per second", ...verdicts.map(({ title }) => title)].map((text) =>
      element("th", { scope: "col" }, text),
    ),
  );
  byId("measure-rows").replaceChildren(
    ...rows.map(([name, ...cells]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        ...cells.map((text) => element("td", {}, text)),
      ),
    ),
  );
  byId("measure-verdicts").replaceChildren(
    ...verdicts.map(({ title, words, state }) =>
      element("li", { "data-state": state }, element("strong", {}, `${title}: `), words),
    ),
  );
  put(
    byId("measure-what"),
    `Sessions of 1 KB. ${atOnce.toLocaleString("en")} calls in one turn, then ${inTurn} awaited one by one; the median of ` +
      `${rounds} rounds, each store in a new database, in a worker of this browser. Longer bars are better.`,
  );
  byId("measured").hidden = false;
  const ahead = verdicts.filter(({ state }) => state === "good").length;
  return `sessile is ahead in ${ahead} of ${verdicts.length}, measured in ${took(time)}.`;
}

function verdict(figures, key) {
  const peers = STORES.filter((store) => store !== OURS);
  const best = peers.reduce((one, other) => (figures[other][key] > figures[one][key] ? other : one));
  const ratio = figures[OURS][key] / figures[best][key];
  if (Math.abs(ratio - 1) < ALIKE) return { ratio, state: "even", words: `as fast as ${best}` };
  return ratio > 1
    ? { ratio, state: "good", words: `${ratio.toFixed(1)} times as fast as ${best}, the best of the others` }
    : { ratio, state: "bad", words: `slower than ${best}, at ${Math.round(ratio * 100)} % of its speed` };
}
