// The conformance kit's results, rule by rule, as they come.
import { byId, element, onSubmit, put } from "./dom.mjs";
import { tell, told } from "./outcome.mjs";
import { workAlone } from "./alone.mjs";
import { count, took } from "./text.mjs";

const SUBJECTS = { indexedDB: "DirectoryStorage (IndexedDB)", memory: "SessionStorageMemory" };

let running;

export function startKit() {
  const outcome = byId("kit-outcome");
  onSubmit(byId("kit"), (action) => {
    if (action === "stop") running?.abort();
    else told(outcome, run);
  });
}

async function run() {
  const subjects = Object.keys(SUBJECTS).filter((name) => byId("kit").elements[name].checked);
  if (subjects.length === 0) return "Choose a storage first.";
  const control = new AbortController();
  running = control;
  setRunning(true);
  byId("kit-results").replaceChildren();
  const total = { passed: 0, failed: 0 };
  const began = performance.now();
  try {
    for (const subject of subjects) {
      const results = new Results(SUBJECTS[subject], total);
      byId("kit-results").append(results.table);
      await workAlone(
        "./kit-worker.mjs",
        { subject },
        {
          signal: control.signal,
          onMessage: (message) => (message.plan ? results.begin(message.plan) : results.add(message)),
        },
      );
    }
  } catch (error) {
    if (error !== control.signal.reason) throw error;
    tell(
      byId("kit-outcome"),
      `Stopped: ${count(total.passed, "case")} passed until then, ${total.failed} failed.`,
    );
    return undefined;
  } finally {
    setRunning(false);
  }
  const words = `${count(total.passed, "case")} passed, ${total.failed} failed, in ${took(performance.now() - began)}.`;
  if (total.failed > 0) throw new KitError(words);
  return words;
}

/** Shown as a failure, since one is what it tells. */
class KitError extends Error {
  name = "Not conforming";
}

function setRunning(isRunning) {
  byId("kit-run").hidden = isRunning;
  byId("kit-stop").hidden = !isRunning;
  (isRunning ? byId("kit-stop") : byId("kit-run")).focus();
}

/** The table of one storage. */
class Results {
  #rows = [];
  #total;
  #bar = element("progress", { value: 0, max: 1 });
  #sum = element("span", { className: "sum" });
  #body = element("tbody");
  #failures = element("ul", { className: "failures" });

  constructor(title, total) {
    this.#total = total;
    this.#bar.setAttribute("aria-label", `Cases of ${title}`);
    const heading = element("p", { className: "what" }, element("strong", {}, title), this.#sum);
    const names = ["Rule", "Passed", "Failed"];
    const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
    this.table = element(
      "div",
      { className: "results" },
      heading,
      this.#bar,
      element("table", {}, element("thead", {}, head), this.#body),
      this.#failures,
    );
  }

  begin(plan) {
    this.#bar.max = plan.reduce((sum, { cases }) => sum + cases, 0);
    this.#rows = plan.map(({ title, cases }) => {
      const row = {
        passed: element("td", {}, `0 of ${cases}`),
        failed: element("td", {}, "0"),
        good: 0,
        bad: 0,
        cases,
      };
      this.#body.append(element("tr", {}, element("th", { scope: "row" }, title), row.passed, row.failed));
      return row;
    });
  }

  add({ rule, name, why }) {
    const row = this.#rows[rule];
    if (why === null) row.good += 1;
    else row.bad += 1;
    this.#total[why === null ? "passed" : "failed"] += 1;
    put(row.passed, `${row.good} of ${row.cases}`);
    put(row.failed, String(row.bad));
    row.passed.parentElement.dataset.state = row.bad > 0 ? "bad" : row.good === row.cases ? "good" : "";
    if (why !== null) this.#failures.append(element("li", {}, element("code", {}, name), ` ${why}`));
    this.#bar.value += 1;
    put(this.#sum, `${this.#bar.value} of ${this.#bar.max}`);
  }
}
