// The conformance kit and the measurement, as they run on the page.
import assert from "node:assert/strict";

export const longWork = {
  async "the conformance kit passes in this browser, and the page stays awake"({ page }) {
    const run = await page.evaluate(async () => {
      hands.at("#kit-run").click();
      await hands.until(
        () => document.querySelectorAll(".results tr[data-state]").length > 0,
        "the first rule",
      );
      // Somebody who does not wait for it.
      const meanwhile = await hands.write({ id: "meanwhile", content: "x" });
      const isRunning = !hands.at("#kit-stop").hidden;
      const said = await hands.said("#kit-outcome");
      const table = (results) =>
        Array.from(results.querySelectorAll("tbody tr"), ({ cells }) =>
          Array.from(cells, (cell) => cell.textContent),
        );
      return {
        meanwhile,
        isRunning,
        said,
        tables: Array.from(document.querySelectorAll(".results"), table),
        failures: Array.from(document.querySelectorAll(".failures li"), (one) => one.textContent),
        databases: (await indexedDB.databases()).map(({ name }) => name),
      };
    });
    assert.deepEqual(run.failures, []);
    assert.equal(run.meanwhile.state, "good");
    assert.ok(run.isRunning);
    const [, passed, failed] = /^([\d,]+) cases passed, (\d+) failed, in /.exec(run.said.text);
    assert.equal(run.said.state, "good");
    assert.equal(failed, "0");
    assert.equal(run.tables.length, 2);
    let sum = 0;
    for (const table of run.tables) {
      assert.deepEqual(
        table.map(([title]) => title.split(" ")[0]),
        Array.from({ length: 13 }, (_, at) => `C${at + 1}`),
      );
      for (const [title, cell, bad] of table) {
        const [, good, of] = /^(\d+) of (\d+)$/.exec(cell);
        assert.equal(good, of, title);
        assert.equal(bad, "0", title);
        sum += Number(good);
      }
    }
    assert.equal(sum, Number(passed.replaceAll(",", "")));
    assert.ok(sum >= 400, `${sum} cases`);
    assert.deepEqual(run.databases, ["sessile page"]);
  },

  async "the kit stops when it is told to, leaves nothing, and lets nobody in meanwhile"({ page }) {
    const run = await page.evaluate(async () => {
      hands.at("#kit-run").click();
      await hands.until(
        () => document.querySelectorAll(".results tr[data-state]").length > 0,
        "the first rule",
      );
      const second = await hands.press("#measure", "run", "#measure-outcome");
      const stopped = await hands.press("#kit", "stop", "#kit-outcome");
      const isReady = !hands.at("#kit-run").hidden && hands.at("#kit-stop").hidden;
      const left = (await indexedDB.databases())
        .map(({ name }) => name)
        .filter((name) => name.includes("trial"));
      const none = await (hands.set('input[name="indexedDB"]', false),
      hands.set('input[name="memory"]', false),
      hands.press("#kit", "run", "#kit-outcome"));
      return { second, stopped, isReady, left, none: none.text };
    });
    assert.equal(run.second.state, "bad");
    assert.match(run.second.text, /under way in this tab or another/);
    assert.match(run.stopped.text, /^Stopped: \d+ cases? passed until then, 0 failed\.$/);
    assert.ok(run.isReady);
    assert.deepEqual(run.left, []);
    assert.equal(run.none, "Choose a storage first.");
  },

  async "a case that fails is told with its name and its reason"({ page }) {
    const told = await page.evaluate(async () => {
      hands.pretendWorkers({
        "kit-worker.mjs": [
          { plan: [{ title: "C1 all or nothing", cases: 2 }] },
          { rule: 0, name: "C1_one", why: null },
          { rule: 0, name: "C1_two", why: "<b>it forgets</b>" },
        ],
      });
      hands.set('input[name="memory"]', false);
      const said = await hands.press("#kit", "run", "#kit-outcome");
      return {
        said,
        row: Array.from(hands.at(".results tbody tr").cells, (cell) => cell.textContent),
        failure: hands.text(".failures li"),
        markup: hands.at(".failures").querySelector("b"),
      };
    });
    assert.equal(told.said.state, "bad");
    assert.match(told.said.text, /1 case passed, 1 failed/);
    assert.deepEqual(told.row, ["C1 all or nothing", "1 of 2", "1"]);
    assert.equal(told.failure, "C1_two <b>it forgets</b>");
    assert.equal(told.markup, null);
  },

  async "the measurement shows figures for all stores, in bars and in a table, and leaves no database"({
    page,
  }) {
    const run = await page.evaluate(async () => {
      const said = await hands.press("#measure", "run", "#measure-outcome");
      const cells = (row) => Array.from(row.cells, (cell) => cell.textContent);
      return {
        said,
        panels: Array.from(document.querySelectorAll("#chart figure"), (panel) => ({
          title: panel.querySelector("figcaption").textContent,
          names: Array.from(panel.querySelectorAll("text:not(.figure)"), (text) => text.textContent),
          widths: Array.from(panel.querySelectorAll(".bar"), (bar) => parseFloat(bar.getAttribute("width"))),
        })),
        table: Array.from(hands.at("#measure-rows").rows, cells),
        verdicts: Array.from(
          document.querySelectorAll("#measure-verdicts li"),
          ({ dataset, textContent }) => ({
            state: dataset.state,
            text: textContent,
          }),
        ),
        what: hands.text("#measure-what"),
        databases: (await indexedDB.databases()).map(({ name }) => name),
      };
    });
    const stores = ["sessile", "idb-keyval", "localforage", "Dexie"];
    const [, ahead] = /^sessile is ahead in (\d) of 4, measured in /.exec(run.said.text);
    assert.equal(run.panels.length, 4);
    for (const { names, widths } of run.panels) {
      assert.deepEqual(names, stores);
      assert.equal(Math.max(...widths), 100);
      assert.ok(widths.every((width) => width > 0));
    }
    assert.deepEqual(
      run.table.map(([name]) => name),
      [...stores, "to the best of the others"],
    );
    const number = (cell) => Number(cell.replaceAll(",", "").replace("× ", ""));
    for (const [, ...cells] of run.table)
      assert.ok(cells.length === 4 && cells.every((cell) => number(cell) > 0));
    // The words and the ratios tell the same as the figures.
    const ratios = run.table[4].slice(1).map(number);
    for (const [at, { state }] of run.verdicts.entries()) {
      const others = run.table.slice(1, 4).map((row) => number(row[at + 1]));
      const ratio = number(run.table[0][at + 1]) / Math.max(...others);
      assert.ok(Math.abs(ratio / ratios[at] - 1) < 0.15, `${run.table[0]}: ${ratio} is not ${ratios[at]}`);
      if (state === "good") assert.ok(ratios[at] >= 1.05);
      if (state === "bad") assert.ok(ratios[at] <= 0.95);
    }
    assert.equal(run.verdicts.filter(({ state }) => state === "good").length, Number(ahead));
    assert.match(
      run.what,
      /^Sessions of 1 KB\. 500 calls in one turn, then 60 awaited one by one; the median of 3 rounds/,
    );
    assert.deepEqual(run.databases, ["sessile page"]);
  },
};
