// Tickets made and checked, one after another.
import { startProcess } from "../measuring/process.mjs";
import { randomFrom, shuffled } from "../measuring/random.mjs";
import { markdown, times } from "../measuring/report.mjs";
import { fromCookie, sessionId } from "../measuring/sessions.mjs";
import { median } from "../measuring/statistics.mjs";
import { share, stopwatch } from "../measuring/stopwatch.mjs";
import { COOKIE_SIGNATURE, MAKERS, NODE, NODE_CIPHER, openMaker, SEALER, SIGNER } from "./makers.mjs";

const OPERATIONS = ["make", "check"];
const BESIDE = [
  [SIGNER, COOKIE_SIGNATURE],
  [SIGNER, NODE],
  [SEALER, NODE_CIPHER],
];

export async function table({ quick = false }) {
  const rounds = quick ? 3 : 15;
  const speeds = await measureAll(quick ? 20_000 : 100_000, rounds);
  const middle = (maker, operation, clock) => median(speeds[maker].map((round) => round[operation][clock]));
  // Round by round, since the machine is not equally fast in all of them.
  const ratio = (maker, other, operation) =>
    median(speeds[maker].map((round, at) => round[operation].wall / speeds[other][at][operation].wall));
  const micros = (maker, operation, clock) => 1_000 / middle(maker, operation, clock);
  console.log(`\n## Ids of 43 characters, microseconds for each (medians of ${rounds} rounds)\n`);
  const rows = MAKERS.map((maker) => [
    maker,
    ...["wall", "cpu"].flatMap((clock) =>
      OPERATIONS.map((operation) => micros(maker, operation, clock).toFixed(2)),
    ),
  ]);
  console.log(markdown(["ticket", "make", "check", "make, CPU", "check, CPU"], rows));
  const timings = Object.values(speeds).flat().flatMap(Object.values);
  console.log(`\nThe machine let the processes run ${(share(timings) * 100).toFixed(0)} % of the time.\n`);
  const ratios = BESIDE.map(([maker, other]) => ({
    maker,
    other,
    ...Object.fromEntries(OPERATIONS.map((operation) => [operation, ratio(maker, other, operation)])),
  }));
  console.log(
    markdown(
      ["so many times as fast", "make", "check"],
      ratios.map(({ maker, other, make, check }) => [`${maker} beside ${other}`, times(make), times(check)]),
    ),
  );
  return { ratios, checkMicros: micros(SIGNER, "check", "cpu") };
}

/** The processes live through all rounds, and within a round each has its turn at a random place. */
async function measureAll(calls, rounds) {
  const random = randomFrom(calls);
  const children = Object.fromEntries(MAKERS.map((maker) => [maker, startProcess(import.meta.url)]));
  const speeds = Object.fromEntries(MAKERS.map((maker) => [maker, []]));
  try {
    // Two rounds for the compiler to see what is hot.
    for (let round = -2; round < rounds; round += 1) {
      for (const maker of shuffled(random, MAKERS)) {
        const speed = await children[maker].ask({ maker, calls, round });
        if (round >= 0) speeds[maker].push(speed);
      }
    }
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
  }
  return speeds;
}

let opened;

/** One round in the process of one maker. */
export async function measure({ maker: name, calls, round }) {
  const maker = (opened ??= await openMaker(name));
  const random = randomFrom(round + 1_000);
  const ids = Array.from({ length: calls }, () => sessionId(random));

  globalThis.gc();
  const tickets = new Array(calls);
  let stop = stopwatch();
  for (let index = 0; index < calls; index += 1) tickets[index] = maker.make(ids[index]);
  const make = stop(calls);

  const held = tickets.map(fromCookie);
  globalThis.gc();
  let right = 0;
  stop = stopwatch();
  for (let index = 0; index < calls; index += 1) if (maker.check(held[index]) === ids[index]) right += 1;
  const check = stop(calls);
  if (right !== calls) throw new Error(`${name} found other ids than were in the tickets`);
  return { make, check };
}
