// On the page: the calls of one store, many at once and one after another, in databases that are new.
import { generateSessionId } from "sessile";
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { sessionStock } from "../measuring/sessions.mjs";
import { medians } from "../measuring/statistics.mjs";
import { openStore } from "./stores.mjs";

const BYTES = 1_024;
const STOCK = 100;

/**
 * Thousand calls a second, the medians of some databases. `atOnce` calls are made in one turn, then `inTurn` are
 * awaited one by one; both insert, overwrite and read.
 */
export async function measure({ store, content, atOnce, inTurn, databases }) {
  const values = sessionStock(BYTES, BYTES, STOCK).map(content === "bytes" ? bytesOf : (value) => value);
  const found = [];
  // The first one is for the compiler.
  for (let number = 0; number <= databases; number += 1) {
    const opened = await openStore(store, `${store} ${number}`);
    const get = content === "bytes" ? opened.getBytes : opened.getObject;
    // The database is made by the first call.
    await opened.set("first", values[0]);
    const [many, few] = [atOnce, inTurn].map((count) =>
      Array.from({ length: count }, () => generateSessionId()),
    );
    const random = randomFrom(number);
    const writes = (ids, version) =>
      shuffled(random, [...ids.keys()]).map(
        (at) => () => opened.set(ids[at], values[(at + version) % STOCK]),
      );
    const reads = (ids) =>
      shuffled(random, [...ids.keys()]).map((at) => async () => {
        check(await get(ids[at]), values[(at + 1) % STOCK]);
      });
    found.push({
      "at once, insert": await allAtOnce(writes(many, 0)),
      "at once, overwrite": await allAtOnce(writes(many, 1)),
      "at once, read": await allAtOnce(reads(many)),
      "in turn, insert": await oneAfterAnother(writes(few, 0)),
      "in turn, overwrite": await oneAfterAnother(writes(few, 1)),
      "in turn, read": await oneAfterAnother(reads(few)),
    });
    await opened.close?.();
  }
  return medians(found.slice(1));
}

async function allAtOnce(calls) {
  await rest();
  const start = performance.now();
  await Promise.all(calls.map((call) => call()));
  return calls.length / (performance.now() - start);
}

async function oneAfterAnother(calls) {
  await rest();
  const start = performance.now();
  for (const call of calls) await call();
  return calls.length / (performance.now() - start);
}

/** For what the browser still does about the calls before. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 30));

const bytesOf = (value) => new TextEncoder().encode(JSON.stringify(value));

function check(found, expected) {
  const same =
    expected instanceof Uint8Array
      ? found.length === expected.length && found[20] === expected[20]
      : found.csrf === expected.csrf;
  if (!same) throw new Error("what was read is not what was written");
}
