// Two storages over one database, as in two tabs: what one of them has found in it, the other has changed since.
import { DirectoryStorage } from "sessile";
import { nameDatabase, removeDatabase } from "./databases.mjs";
import { equal, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const text = async (storage, id) => {
  const found = await storage.get(id);
  return found && new TextDecoder().decode(found.data);
};

/** Calls `work` with two storages; whatever the first has written before, was new. */
function withTabs(work) {
  return async () => {
    const name = nameDatabase();
    const [here, there] = [new DirectoryStorage(name), new DirectoryStorage(name)];
    try {
      for (let number = 0; number < 4; number += 1) await here.set(`new ${number}`, "content");
      await work(here, there);
    } finally {
      await here.close();
      await there.close();
      await removeDatabase(name);
    }
  };
}

describe("a session that another tab has made", () => {
  it(
    "keeps what it has by whom it was made",
    withTabs(async (here, there) => {
      await there.set("id", "there", { tags: ["user:17"] });
      await here.set("id", "here");
      same((await there.info("id")).tags, ["user:17"], "tags");
      equal(await text(there, "id"), "here", "content");
    }),
  );

  it(
    "is no new one for a condition either",
    withTabs(async (here, there) => {
      equal(await here.get("id"), undefined, "content before");
      const revision = await there.set("id", "there");
      equal(
        (await rejection(here.set("id", "here", { ifRevision: null }))).code,
        "ERR_SESSION_CONFLICT",
        "code",
      );
      equal(await text(here, "id"), "there", "content");
      await here.set("id", "here", { ifRevision: revision });
      equal(
        (await rejection(there.set("id", "x", { ifRevision: revision }))).code,
        "ERR_SESSION_CONFLICT",
        "code",
      );
      equal(await text(there, "id"), "here", "content");
    }),
  );

  it(
    "is not brought back by a write that began before it was made and ended",
    withTabs(async (here, there) => {
      for (const length of [10, 200_000]) {
        const id = `id ${length}`;
        const write = here.write(id, async (channel) => {
          await there.set(id, "there");
          equal(await there.invalidate(id), true, "whether there was a session");
          await channel.getWriter().write(new Uint8Array(length));
        });
        equal((await rejection(write)).code, "ERR_SESSION_CONFLICT", "code");
        equal(await here.get(id), undefined, "content");
      }
    }),
  );

  it(
    "does not stop the others of its turn, nor they it",
    withTabs(async (here, there) => {
      const ids = Array.from({ length: 250 }, (_, number) => `id ${number}`);
      for (const id of ["id 17", "id 18"]) await there.set(id, "there", { tags: ["there"] });
      await there.invalidate("id 18");
      await Promise.all(ids.map((id) => here.set(id, `here: ${id}`)));
      for (const id of ids) equal(await text(there, id), `here: ${id}`, "content");
      same((await there.info("id 17")).tags, ["there"], "tags of the one that was there");
      same((await there.info("id 18")).tags, [], "tags of the one that was not there any more");
    }),
  );

  it(
    "is touched, invalidated and swept as what it is",
    withTabs(async (here, there) => {
      for (const id of ["one", "two"]) {
        equal(await here.get(id), undefined, "content before");
        await there.set(id, "there");
      }
      equal(await here.touch("one"), true, "whether there was a session to touch");
      equal(await here.invalidate("two"), true, "whether there was a session to invalidate");
      equal(await there.get("two"), undefined, "content");
    }),
  );

  it(
    "is made by one of two at the same time",
    withTabs(async (here, there) => {
      for (let number = 0; number < 40; number += 1) {
        const id = `id ${number}`;
        const calls = [here, there, here].map((storage) => storage.set(id, "content", { ifRevision: null }));
        const made = (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled");
        equal(made.length, 1, "how many have made it");
        equal((await there.info(id)).revision, made[0].value, "revision");
      }
    }),
  );
});

describe("reads one after another", () => {
  it(
    "see what others have written by then",
    withTabs(async (here, there) => {
      for (let number = 0; number < 60; number += 1) {
        await there.set("id", `there ${number}`);
        for (let reads = 0; reads < 3; reads += 1)
          equal(await text(here, "id"), `there ${number}`, "content");
        await here.set("id", `here ${number}`);
        equal(await text(here, "id"), `here ${number}`, "content");
        equal(await text(there, "id"), `here ${number}`, "content");
      }
    }),
  );

  it(
    "let others write, and never end for their sake",
    withTabs(async (here, there) => {
      let isWritten = false;
      await here.set("id", "content");
      const written = there.set("other", "content").then(() => (isWritten = true));
      let reads = 0;
      while (!isWritten) {
        await here.get("id");
        if ((reads += 1) > 10_000) throw new Error("a write waits for reads that do not end");
      }
      await written;
    }),
  );
});
