// JSON of 1 KB, one call after another and 32 at a time, in a folder that is empty first.
import { startProcess } from "../measuring/process.mjs";
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { markdown, times } from "../measuring/report.mjs";
import { sessionId, sessionStock } from "../measuring/sessions.mjs";
import { median, sum } from "../measuring/statistics.mjs";
import { rest } from "../measuring/folders.mjs";
import { FILE_STORE, openStore, SESSILE, STORES, UNSTORAGE } from "./stores.mjs";

const BYTES = 1_024;
const STOCK = 500;
const WAYS = [
  { way: "one after another", atOnce: 1 },
  { way: "32 at a time", atOnce: 32 },
];
const OPERATIONS = ["first", "insert", "overwrite", "read"];

export async function table({ quick, folders }) {
  const rounds = quick ? 2 : 9;
  const calls = 1_000;
  const speeds = await measureAll(calls, rounds, folders);
  // Round by round, since the machine is not equally fast in all of them.
  const ratio = (store, other, way, operation) =>
    median(speeds[store].map((round, index) => round[way][operation] / speeds[other][index][way][operation]));
  const rows = WAYS.flatMap(({ way }) =>
    STORES.map((store) => [
      way,
      store,
      ...OPERATIONS.map((operation) =>
        median(speeds[store].map((round) => round[way][operation])).toFixed(1),
      ),
      ...[FILE_STORE, UNSTORAGE].map((other) =>
        OPERATIONS.map((operation) => times(ratio(store, other, way, operation))).join(" · "),
      ),
    ]),
  );
  console.log(
    `\n## JSON of 1 KB, thousand calls a second (${calls} calls each; rounds: ${rounds}, their medians)\n\n` +
      `First: into an empty folder. Insert: ${calls} more beside them. Overwrite and read: those of the insert.\n`,
  );
  const beside = [FILE_STORE, UNSTORAGE].map((other) => `× ${other} (f · i · o · r)`);
  console.log(markdown(["calls", "store", ...OPERATIONS, ...beside], rows));
  return WAYS.flatMap(({ way }) =>
    OPERATIONS.map((operation) => ({
      way,
      operation,
      fileStore: ratio(SESSILE, FILE_STORE, way, operation),
      unstorage: ratio(SESSILE, UNSTORAGE, way, operation),
    })),
  );
}

/** The processes live through all rounds, and within a round each has its turn at a random place. */
async function measureAll(calls, rounds, folders) {
  const random = randomFrom(calls);
  const children = Object.fromEntries(STORES.map((store) => [store, startProcess(import.meta.url)]));
  const speeds = Object.fromEntries(STORES.map((store) => [store, []]));
  try {
    // A round for the compiler to see what is hot.
    for (let round = -1; round < rounds; round += 1) {
      for (const store of shuffled(random, STORES)) {
        const found = {};
        for (const { way, atOnce } of shuffled(random, WAYS)) {
          await rest();
          const task = { store, calls, atOnce, round, folder: folders.fresh(store) };
          found[way] = await children[store].ask(task);
        }
        if (round >= 0) speeds[store].push(found);
      }
    }
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
  }
  return speeds;
}

let values;

/** One round in the process of one store. */
export async function measure({ store: name, calls, atOnce, round, folder }) {
  values ??= sessionStock(BYTES, BYTES, STOCK);
  const random = randomFrom(round + 1_000);
  const makeIds = () => Array.from({ length: calls }, () => sessionId(random));
  const [first, ids] = [makeIds(), makeIds()];
  const [toOverwrite, toRead] = [shuffled(random, ids), shuffled(random, ids)];
  const store = await openStore(name, folder);
  const time = async (call) => {
    globalThis.gc();
    const start = performance.now();
    await each(calls, atOnce, call);
    return calls / (performance.now() - start);
  };

  const speeds = {
    first: await time((index) => store.set(first[index], values[index % STOCK])),
    insert: await time((index) => store.set(ids[index], values[index % STOCK])),
    overwrite: await time((index) => store.set(toOverwrite[index], values[(index + 1) % STOCK])),
  };
  let visits = 0;
  speeds.read = await time(async (index) => {
    const found = await store.get(toRead[index]);
    visits += found.visits;
  });
  const expected = sum(ids.map((_, index) => values[(index + 1) % STOCK].visits));
  if (visits !== expected) throw new Error(`${name} read other sessions than were written`);
  await store.close?.();
  return speeds;
}

/** Calls for each number below `count`, of which `atOnce` are in flight. */
async function each(count, atOnce, call) {
  let next = 0;
  const work = async () => {
    while (next < count) await call((next += 1) - 1);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
