// The kit in a shared worker, which many tabs have together and no import map reaches.
import { equal } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

/** A classic script, since one with modules may miss who connects while they are loaded. */
const script = ({ sessile, testing, databases }) => `
  const runAll = async (say) => {
    const { DirectoryStorage, generateSessionId } = await import(${JSON.stringify(sessile)});
    const { testSessionStorage } = await import(${JSON.stringify(testing)});
    const { damageInDatabase, nameDatabase, removeDatabase } = await import(${JSON.stringify(databases)});
    const names = new WeakMap();
    const open = (name, options) => {
      const storage = new DirectoryStorage(name, options);
      names.set(storage, name);
      return storage;
    };
    const cases = [];
    const runner = { describe: (_, body) => body(), it: (name, run) => cases.push({ name, run }) };
    testSessionStorage(runner, (options) => open(nameDatabase(), options), {
      wholeValues: true, timeouts: true, clock: true, streams: true, conditional: true, tags: true, housekeeping: true,
      durable: true, shared: true, limits: { maxSessionBytes: true }, generateSessionId, patience: 50_000,
      reopen: async (storage, options) => {
        await storage.close();
        return open(names.get(storage), options);
      },
      join: (storage, options) => open(names.get(storage), options),
      damage: (storage, id) => damageInDatabase(names.get(storage), id),
      discard: (storage) => removeDatabase(names.get(storage)),
    });
    const failures = [];
    for (const { name, run } of cases) {
      await run().catch((error) => failures.push(name + ": " + error.message));
    }
    say({ where: self.constructor.name, cases: cases.length, failures });
  };
  onconnect = ({ ports: [port] }) => {
    runAll((told) => port.postMessage(told)).catch((error) => port.postMessage({ failures: [String(error)] }));
  };`;

describe("DirectoryStorage in IndexedDB, in a shared worker", () => {
  it(
    "keeps every rule of the contract",
    async () => {
      const sources = {
        sessile: import.meta.resolve("sessile"),
        testing: import.meta.resolve("sessile/testing"),
        databases: import.meta.resolve("./databases.mjs"),
      };
      const url = URL.createObjectURL(new Blob([script(sources)], { type: "text/javascript" }));
      const worker = new SharedWorker(url);
      try {
        const told = await new Promise((resolve, reject) => {
          worker.port.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message ?? "the worker does not start"));
        });
        equal(told.failures.join("\n"), "");
        equal(told.where, "SharedWorkerGlobalScope");
        equal(told.cases > 150, true, `${told.cases} cases`);
      } finally {
        worker.port.close();
        URL.revokeObjectURL(url);
      }
    },
    { patience: 180_000 },
  );
});
