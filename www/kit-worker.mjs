// Runs the conformance kit, case by case, away from the page. A worker knows no import map: it names files.
import { damageRecord, removeDatabase, TRIAL } from "./databases.mjs";
import { onTask } from "./long-worker.mjs";
import { DirectoryStorage, generateSessionId, SessionStorageMemory } from "./packages/sessile/index.js";
import { testSessionStorage } from "./packages/sessile/testing.js";

/** A case that takes longer hangs; a browser with much else to do is slow, no more. */
const PATIENCE = 60_000;

const everyStorage = {
  wholeValues: true,
  timeouts: true,
  clock: true,
  streams: true,
  conditional: true,
  tags: true,
  housekeeping: true,
  generateSessionId,
  patience: PATIENCE,
};

const subjects = {
  indexedDB(runner) {
    const names = new WeakMap();
    const open = (name, options) => {
      const storage = new DirectoryStorage(name, options);
      names.set(storage, name);
      return storage;
    };
    testSessionStorage(runner, (options) => open(TRIAL + generateSessionId(), options), {
      ...everyStorage,
      durable: true,
      shared: true,
      limits: { maxSessionBytes: true },
      reopen: async (storage, options) => {
        await storage.close();
        return open(names.get(storage), options);
      },
      join: (storage, options) => open(names.get(storage), options),
      // Damage is done by a hash that browsers give to pages that came safely alone.
      damage: crypto.subtle && ((storage, id) => damageRecord(names.get(storage), id)),
      discard: (storage) => removeDatabase(names.get(storage)),
    });
  },

  memory(runner) {
    testSessionStorage(runner, (options) => new SessionStorageMemory(options), {
      ...everyStorage,
      limits: { maxSessionBytes: true, maxBytes: true, maxSessions: true },
    });
  },
};

onTask(async ({ subject }, isStopped) => {
  const groups = groupsOf(subjects[subject]);
  postMessage({ plan: groups.map(({ title, cases }) => ({ title, cases: cases.length })) });
  for (const [rule, { cases }] of groups.entries()) {
    for (const { name, run } of cases) {
      if (isStopped()) return;
      postMessage({ rule, name, why: await failureOf(run) });
    }
  }
});

function groupsOf(define) {
  const groups = [];
  define({
    describe(title, body) {
      groups.push({ title, cases: [] });
      body();
    },
    it: (name, run) => groups.at(-1).cases.push({ name, run }),
  });
  return groups;
}

/** Why a case failed, or null. */
async function failureOf(run) {
  try {
    await run();
    return null;
  } catch (error) {
    return String(error?.message ?? error);
  }
}
