import type { BuiltInStorage, SessionInfo } from "../types.js";
import { equal, fail, truth } from "./assertions.js";
import { when, type Cases, type Rule } from "./rule.js";

async function listed(storage: BuiltInStorage, tag: string): Promise<SessionInfo[]> {
  const found: SessionInfo[] = [];
  for await (const info of storage.listTagged(tag)) found.push(info);
  return found;
}

async function revisionsOf(storage: BuiltInStorage, tag: string): Promise<string[]> {
  return (await listed(storage, tag)).map((info) => info.revision).sort();
}

const refused: Cases = {
  C13_tags_that_cannot_be_kept_are_refused: async (t) => {
    const storage = await t.open();
    const id = t.id();
    await t.put(storage, id, "content");
    const options = { tags: ["ada"] };
    await t.refuses(
      "ERR_SESSION_UNSUPPORTED",
      () => t.put(storage, id, "changed", options),
      "write() with tags",
    );
    await t.refuses(
      "ERR_SESSION_UNSUPPORTED",
      () => t.put(storage, t.id(), "new", options),
      "write() with tags",
    );
    if (t.can.wholeValues) {
      const builtIn = t.builtIn(storage);
      await t.refuses(
        "ERR_SESSION_UNSUPPORTED",
        () => builtIn.set(id, "changed", options),
        "set() with tags",
      );
      await t.refuses(
        "ERR_SESSION_UNSUPPORTED",
        () => builtIn.setJson(id, {}, options),
        "setJson() with tags",
      );
      await t.refuses("ERR_SESSION_UNSUPPORTED", () => listed(builtIn, "ada"), "listTagged()");
      await t.refuses("ERR_SESSION_UNSUPPORTED", () => builtIn.invalidateTagged("ada"), "invalidateTagged()");
    }
    await t.holds(storage, id, "content", "after the refusals");
    equal((await t.infoOf(storage, id)).tags, [], "info.tags");
  },
};

const kept: Cases = {
  C13_tagged_sessions_are_listed_and_invalidated: async (t) => {
    const storage = await t.openBuiltIn();
    const [a, b, c, d] = [t.id(), t.id(), t.id(), t.id()];
    const revisions = [
      await storage.set(a, "a", { tags: ["ada"] }),
      await t.put(storage, b, "b", { tags: ["ada", "admin"] }),
      await storage.setJson(c, "c", { tags: ["bob", "admin"] }),
      await storage.set(d, "d"),
    ];
    equal(await revisionsOf(storage, "ada"), [revisions[0], revisions[1]].sort(), "the sessions of ada");
    equal(await revisionsOf(storage, "admin"), [revisions[1], revisions[2]].sort(), "the sessions of admin");
    equal(await revisionsOf(storage, "nobody"), [], "the sessions of nobody");
    equal(await storage.invalidateTagged("nobody"), 0, "invalidateTagged() of nobody");
    equal(await storage.invalidateTagged("ada"), 2, "invalidateTagged() of ada");
    await t.gone(storage, a, "a session of ada");
    await t.gone(storage, b, "a session of ada and admin");
    await t.holds(storage, c, '"c"', "a session of bob");
    await t.holds(storage, d, "d", "a session of nobody");
    equal(await revisionsOf(storage, "ada"), [], "the sessions of ada afterwards");
    equal(await revisionsOf(storage, "admin"), [revisions[2]], "the sessions of admin afterwards");
    equal(await storage.invalidateTagged("ada"), 0, "invalidateTagged() again");
  },

  C13_info_tells_the_tags_in_their_order: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    const tags = ["zoe", "ada", "Ada", "a", "é", "e\u0301"];
    await storage.set(id, "content", { tags });
    equal((await storage.info(id))?.tags, tags, "info().tags");
    equal((await storage.get(id))?.info.tags, tags, "get().info.tags");
    equal((await t.infoOf(storage, id)).tags, tags, "read()'s info.tags");
    equal((await listed(storage, "Ada"))[0]?.tags, tags, "listTagged()'s info.tags");
    tags.push("changed after");
    equal((await storage.info(id))?.tags.length, 6, "how many tags there are once the caller's list changed");
    const told = (await storage.info(id))?.tags as string[];
    try {
      told.push("pushed");
    } catch {
      // A frozen list is as good.
    }
    equal((await storage.info(id))?.tags.length, 6, "how many tags there are once the list told was changed");
  },

  C13_an_overwrite_keeps_replaces_or_drops_the_tags: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "1", { tags: ["ada", "admin"] });
    const kept = await storage.set(id, "2");
    equal((await storage.info(id))?.tags, ["ada", "admin"], "tags left out are kept");
    equal(await revisionsOf(storage, "ada"), [kept], "ada's sessions, by their new revision");
    await storage.set(id, "3", { tags: undefined });
    equal((await storage.info(id))?.tags, ["ada", "admin"], "undefined tags are kept");
    const replaced = await storage.set(id, "4", { tags: ["admin", "bob"] });
    equal((await storage.info(id))?.tags, ["admin", "bob"], "tags given are taken");
    equal(await revisionsOf(storage, "ada"), [], "ada's sessions once the tag was replaced");
    equal(await revisionsOf(storage, "bob"), [replaced], "bob's sessions");
    equal(await storage.invalidateTagged("ada"), 0, "invalidateTagged() of the tag replaced");
    await storage.set(id, "5", { tags: [] });
    equal((await storage.info(id))?.tags, [], "an empty list drops all");
    equal(await storage.invalidateTagged("bob"), 0, "invalidateTagged() of a tag dropped");
    await t.holds(storage, id, "5", "the session");
  },

  C13_a_write_that_fails_leaves_the_tags: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "content", { tags: ["ada"] });
    const options = { tags: ["bob"] };
    await storage.write(id, () => Promise.reject(new Error("no")), options).catch(() => {});
    if (t.can.conditional) await storage.set(id, "changed", { ...options, ifRevision: null }).catch(() => {});
    equal((await storage.info(id))?.tags, ["ada"], "info().tags");
    equal((await listed(storage, "bob")).length, 0, "how many sessions bob has");
    equal((await listed(storage, "ada")).length, 1, "how many sessions ada has");
  },

  C13_an_invalidated_session_leaves_its_tags: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "content", { tags: ["ada"] });
    await storage.invalidate(id);
    equal((await listed(storage, "ada")).length, 0, "how many sessions ada has");
    const revision = await storage.set(id, "anew");
    equal((await storage.info(id))?.tags, [], "the tags of a session made anew");
    equal(await storage.invalidateTagged("ada"), 0, "invalidateTagged()");
    equal((await storage.info(id))?.revision, revision, "the session made anew");
  },

  C13_a_tag_named_twice_counts_once: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "content", { tags: ["ada", "bob", "ada", "ada"] });
    equal((await storage.info(id))?.tags, ["ada", "bob"], "info().tags");
    equal((await listed(storage, "ada")).length, 1, "how many sessions ada has");
    equal(await storage.invalidateTagged("ada"), 1, "invalidateTagged()");
    equal((await listed(storage, "bob")).length, 0, "how many sessions bob has");
  },

  C13_tags_of_any_text_are_kept_apart: async (t) => {
    const storage = await t.openBuiltIn();
    const tags = [
      "__proto__",
      "constructor",
      "toString",
      "é",
      "e\u0301",
      "É",
      "a",
      "A",
      "a ",
      "a\u0000b",
      "🌍",
      "a,b",
      "\n",
    ];
    const longest = ["x".repeat(1_024), "é".repeat(512), "🌍".repeat(256)];
    for (const [at, tag] of [...tags, ...longest].entries())
      await storage.set(t.id(), `content ${at}`, { tags: [tag] });
    for (const [at, tag] of [...tags, ...longest].entries()) {
      equal((await listed(storage, tag)).length, 1, `how many sessions carry tag ${at}`);
      equal(await storage.invalidateTagged(tag), 1, `how many of tag ${at} were invalidated`);
      equal((await listed(storage, tag)).length, 0, `how many sessions carry tag ${at} afterwards`);
    }
    const many = Array.from({ length: 64 }, (_, at) => `tag ${at}`);
    const id = t.id();
    await storage.set(id, "content", { tags: many });
    equal((await storage.info(id))?.tags, many, "64 tags");
  },

  C13_a_tag_that_is_none_cannot_be_asked_for: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "content", { tags: ["ada"] });
    for (const bad of ["", "x".repeat(1_025), "é".repeat(513), "\ud83c", 5, undefined, null, ["ada"], {}]) {
      const what = `a tag of type ${typeof bad}`;
      await t.refuses("ERR_SESSION_INVALID_OPTION", () => storage.invalidateTagged(bad as never), what);
      await t.refuses("ERR_SESSION_INVALID_OPTION", () => listed(storage, bad as never), what);
    }
    equal(await storage.invalidateTagged("ada"), 1, "the next call");
  },

  C13_the_list_never_tells_an_id: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "content", { tags: ["ada"] });
    for (const info of await listed(storage, "ada")) {
      truth(!JSON.stringify(info).includes(id), "the info contains the session's id");
      equal(info.byteLength ?? 7, 7, "info.byteLength");
    }
  },

  C13_the_list_may_be_left_early_and_used_while_sessions_change: async (t) => {
    const storage = await t.openBuiltIn();
    const ids = Array.from({ length: 30 }, () => t.id());
    for (const id of ids) await storage.set(id, "content", { tags: ["ada"] });
    for await (const info of storage.listTagged("ada")) {
      truth(info.revision.length > 0, "a revision");
      break;
    }
    let count = 0;
    for await (const info of storage.listTagged("ada")) {
      truth(info.tags.includes("ada"), "a session without the tag was listed");
      if (count === 0) for (const id of ids.slice(0, 15)) await storage.invalidate(id);
      if (count === 0) await storage.set(t.id(), "new", { tags: ["ada"] });
      count += 1;
    }
    truth(count >= 1 && count <= 31, `${count} sessions were listed`);
    equal((await listed(storage, "ada")).length, 16, "how many sessions are left");
  },

  C13_sessions_committed_at_once_are_all_found: async (t) => {
    const storage = await t.openBuiltIn();
    const ids = Array.from({ length: 60 }, () => t.id());
    await Promise.all(ids.map((id, at) => storage.set(id, "content", { tags: ["ada", `tag ${at % 7}`] })));
    await Promise.all([
      ...ids.slice(0, 20).map((id) => storage.invalidate(id)),
      ...ids.slice(20, 40).map((id) => storage.set(id, "changed", { tags: ["bob"] })),
    ]);
    equal((await listed(storage, "ada")).length, 20, "how many sessions ada has");
    equal((await listed(storage, "bob")).length, 20, "how many sessions bob has");
    const counts = await Promise.all([storage.invalidateTagged("ada"), storage.invalidateTagged("ada")]);
    equal((counts[0] ?? 0) + (counts[1] ?? 0), 20, "how many two calls at once invalidated");
    for (const id of ids.slice(40)) await t.gone(storage, id, "a session of ada");
    equal(await storage.invalidateTagged("bob"), 20, "how many of bob were invalidated");
  },
};

const withClock: Cases = {
  C13_an_expired_session_leaves_its_tags: async (t) => {
    const storage = await t.openBuiltIn({ idleTimeout: 60_000 });
    const [id, other] = [t.id(), t.id()];
    await storage.set(id, "content", { tags: ["ada"] });
    await storage.set(other, "content", { tags: ["ada"], idleTimeout: "1h" });
    t.clock.advance(60_000);
    equal((await listed(storage, "ada")).length, 1, "how many sessions ada has");
    equal(await storage.invalidateTagged("ada"), 1, "invalidateTagged(), which counts no expired session");
    await storage.set(id, "anew");
    equal((await storage.info(id))?.tags, [], "the tags of a session made anew");
  },
};

const evicting: Cases = {
  C13_an_evicted_session_leaves_its_tags: async (t) => {
    const storage = await t.openBuiltIn({ maxSessions: 2 });
    for (let count = 0; count < 5; count += 1) await storage.set(t.id(), "content", { tags: ["ada"] });
    equal((await listed(storage, "ada")).length, 2, "how many sessions ada has");
    equal(await storage.invalidateTagged("ada"), 2, "invalidateTagged()");
  },
};

export const tags: Rule = (can) => {
  if (can.tags && !can.wholeValues) {
    fail(
      "A storage that declares tags must be a BuiltInStorage (wholeValues): listTagged is how they are checked.",
    );
  }
  return {
    ...when(!can.tags, refused),
    ...when(can.tags, kept),
    ...when(can.tags && can.timeouts && can.clock, withClock),
    ...when(can.tags && can.limits.maxSessions, evicting),
  };
};
