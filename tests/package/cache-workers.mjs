// Caches in two threads that tell each other what they change: the threads of Node, Deno and Bun over a folder, a browser's
// page and its worker over a database.
import { CacheStorage, DirectoryStorage, broadcastChanges } from "sessile";
import { equal } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

/** Without what it is told, a cache would show for so long what it has. */
const AGE = "1h";

/** Answers what it is asked, by a cache of its own. `connect(answer)` is the thread's way to say that it listens. */
const body = `
  const storages = import(entry).then(({ CacheStorage, DirectoryStorage, broadcastChanges }) => new CacheStorage(
    new DirectoryStorage(place), { absoluteTimeout: age, idleTimeout: age, changes: broadcastChanges(name) }));
  connect(async ({ method, id, content }) => {
    const found = await (await storages)[method](id, content);
    return method === "get" ? (found === undefined ? null : new TextDecoder().decode(found.data)) : null;
  });`;

/** @param threads starts a thread that runs a script, and answers `{ ask(question), end() }` */
export function testCachesInThreads(what, { makePlace, removePlace, startThread }) {
  describe(`caches of two threads over ${what}`, () => {
    it("show what the other has changed, and keep what it has not", async () => {
      const place = makePlace();
      const name = `sessile test ${Math.random()}`;
      const given = { entry: import.meta.resolve("sessile"), place, name, age: AGE };
      const constants = Object.entries(given).map(
        ([key, value]) => `const ${key} = ${JSON.stringify(value)};`,
      );
      const thread = await startThread(`${constants.join("\n")}${body}`);
      const options = { absoluteTimeout: AGE, idleTimeout: AGE, changes: broadcastChanges(name) };
      const here = new CacheStorage(new DirectoryStorage(place), options);
      try {
        const there = (id) => thread.ask({ method: "get", id });
        const until = async (id, wanted) => {
          // It is told in a moment, and nobody says when; the test's own patience ends this.
          for (let found = await there(id); found !== wanted; found = await there(id)) {
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          // Once told, it shows nothing older any more.
          for (let time = 0; time < 20; time += 1) equal(await there(id), wanted);
        };
        for (const id of ["a", "b"]) await here.set(id, "first");
        for (const id of ["a", "b"]) await until(id, "first");
        await here.set("a", "second");
        await until("a", "second");
        await here.invalidate("b");
        await until("b", null);
        await thread.ask({ method: "set", id: "a", content: "third" });
        const mine = async () => new TextDecoder().decode((await here.get("a")).data);
        while ((await mine()) !== "third") await new Promise((resolve) => setTimeout(resolve, 1));
        await thread.ask({ method: "invalidate", id: "a" });
        while ((await here.get("a")) !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
        const { hits } = here.cacheStats();
        await here.set("c", "mine alone");
        for (let time = 0; time < 5; time += 1) await here.get("c");
        equal(here.cacheStats().hits, hits + 5, "hits of a session that nobody else has changed");
      } finally {
        await here.close();
        await thread.end();
        await removePlace(place);
      }
    });
  });
}
