// Values of 1 KB in all engines, beside the peers.
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { markdown, times } from "../measuring/report.mjs";
import { median } from "../measuring/statistics.mjs";
import { onFreshPage } from "./browser.mjs";
import { PEERS, SESSILE, STORES } from "./stores.mjs";

const OPERATIONS = ["insert", "overwrite", "read"];
const WAYS = ["at once", "in turn"];
const CONTENTS = ["bytes", "json"];

export async function table({ quick, engines, url, folders }) {
  const rounds = quick ? 1 : 5;
  const size = { atOnce: 2_000, inTurn: quick ? 50 : 200, databases: quick ? 1 : 3 };
  const ratios = [];
  for (const engine of engines) {
    const rows = [];
    for (const content of CONTENTS) {
      const speeds = await measureAll({ engine, url, folders, rounds, task: { content, ...size } });
      rows.push(...rowsOf(content, speeds));
      ratios.push(...ratiosOf(engine, content, speeds));
    }
    console.log(
      `\n## ${engine}: values of 1 KB, thousand calls a second (${size.atOnce} at once, ${size.inTurn} in turn; ` +
        `rounds: ${rounds}, their medians)\n`,
    );
    const heads = WAYS.flatMap((way) => [`${way}: insert`, "overwrite", "read", "sessile ÷ it"]);
    console.log(markdown(["value", "store", ...heads], rows));
  }
  return ratios;
}

/** Every store has a browser of its own in every round, and within a round its turn at a random place. */
async function measureAll({ engine, url, folders, rounds, task }) {
  const random = randomFrom(rounds);
  const speeds = Object.fromEntries(STORES.map((store) => [store, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const store of shuffled(random, STORES)) {
      const profile = () => folders.fresh(engine);
      const visit = { engine, url, profile, bound: 60_000, what: `${store}, ${task.content}` };
      const found = await onFreshPage(visit, (page) =>
        page.evaluate(
          async (own) => {
            const { measure } = await import("/indexeddb/calls.mjs");
            return measure(own);
          },
          { store, ...task },
        ),
      );
      // A lost round has its place, so that the others keep theirs.
      speeds[store].push(found);
    }
  }
  return speeds;
}

const middle = (rounds, key) => {
  const told = rounds.filter((round) => round !== undefined).map((round) => round[key]);
  return told.length === 0 ? NaN : median(told);
};

/** Round by round, since the machine is not equally fast in all of them. */
function ratio(speeds, store, key) {
  const both = speeds[SESSILE].map((own, round) => [own?.[key], speeds[store][round]?.[key]]);
  const told = both.filter(([own, other]) => own !== undefined && other !== undefined);
  return told.length === 0 ? NaN : median(told.map(([own, other]) => own / other));
}

function rowsOf(content, speeds) {
  return STORES.map((store) => [
    content,
    store,
    ...WAYS.flatMap((way) => {
      const keys = OPERATIONS.map((operation) => `${way}, ${operation}`);
      const ratios = keys.map((key) => times(ratio(speeds, store, key))).join(" · ");
      return [...keys.map((key) => middle(speeds[store], key).toFixed(1)), store === SESSILE ? "" : ratios];
    }),
  ]);
}

/** Beside the peer that is the best at it. A peer that was lost altogether is not compared; we ourselves fail. */
function ratiosOf(engine, content, speeds) {
  return WAYS.flatMap((way) =>
    OPERATIONS.map((operation) => {
      const key = `${way}, ${operation}`;
      const told = PEERS.map((peer) => ratio(speeds, peer, key)).filter((own) => !Number.isNaN(own));
      return { engine, content, way, operation, ratio: told.length === 0 ? NaN : Math.min(...told) };
    }),
  );
}
