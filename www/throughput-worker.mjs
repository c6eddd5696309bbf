// Measures the stores, away from the page. Rounds are interleaved: each goes through all stores, and begins with
// another one, so that what slows the machine for a while slows all of them.
import { TRIAL } from "./databases.mjs";
import { onTask } from "./long-worker.mjs";
import { MEASURES } from "./measures.mjs";
import { openStore, STORES } from "./stores.mjs";

onTask(async ({ rounds, atOnce, inTurn }, isStopped) => {
  const steps = (rounds + 1) * STORES.length;
  let done = 0;
  // The first round is for the compiler, and counts for nothing.
  for (let round = 0; round <= rounds; round += 1) {
    for (const at of STORES.keys()) {
      if (isStopped()) return;
      const store = STORES[(at + round) % STORES.length];
      const figures = await measure(store, `${TRIAL}${store} ${round}`, { atOnce, inTurn });
      done += 1;
      postMessage({ store, figures: round > 0 ? figures : undefined, done, of: steps });
    }
  }
});

/** Calls per millisecond, of each measure. */
async function measure(store, name, { atOnce, inTurn }) {
  const opened = await openStore(store, name);
  // The database is made by the first call.
  await opened.set("first", session(0));
  const many = idsOf("many", atOnce);
  const few = idsOf("few", inTurn);
  const write = (id, at) => opened.set(id, session(at));
  const read = async (id, at) => {
    const found = await opened.get(id);
    if (found?.visits !== at) throw new Error(`${store}: what was read is not what was written`);
  };
  const figures = {
    [MEASURES.writeAtOnce.key]: await together(many, write),
    [MEASURES.readAtOnce.key]: await together(many, read),
    [MEASURES.writeInTurn.key]: await oneByOne(few, write),
    [MEASURES.readInTurn.key]: await oneByOne(few, read),
  };
  await opened.close();
  return figures;
}

async function together(ids, call) {
  await pause();
  const began = performance.now();
  await Promise.all(ids.map(call));
  return ids.length / (performance.now() - began);
}

async function oneByOne(ids, call) {
  await pause();
  const began = performance.now();
  for (const [at, id] of ids.entries()) await call(id, at);
  return ids.length / (performance.now() - began);
}

/** For what the browser still does about the calls before. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 30));

const idsOf = (kind, number) =>
  Array.from({ length: number }, () => {
    const random = crypto.getRandomValues(new Uint8Array(18));
    return `${kind} ${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  });

const PRODUCTS = ["amber lamp", "oak basket", "velvet chair", "copper kettle", "linen curtain"];

/** A session of about 1 KB of JSON, as a shop keeps it. */
function session(number) {
  const line = (at) => ({
    sku: `SKU-${number}-${at}`,
    title: PRODUCTS[(number + at) % PRODUCTS.length],
    quantity: 1 + (at % 4),
    cents: 1_999 + at * 250,
  });
  return {
    user: {
      id: 1_000_000 + number,
      name: "José Müller",
      email: "jose.mueller@example.com",
      roles: ["customer"],
    },
    csrf: "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    visits: number,
    locale: "de-DE",
    returnTo: "/orders?page=2",
    cart: Array.from({ length: 11 }, (_, at) => line(at)),
  };
}
