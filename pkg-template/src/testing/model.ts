import { codeOf, equal, fail, show } from "./assertions.js";
import { drain, pattern, Random } from "./bytes.js";
import type { Rule } from "./rule.js";
import type { Trial } from "./trial.js";
import type { SessionStorage } from "../types.js";

interface Expected {
  content: Uint8Array;
  revision: string;
  idle: number | null;
  age: number | null;
  active: number;
  created: number;
  tags: readonly string[];
}

const names = ["ada", "bob", "eve"] as const;

/** Does the same to a storage and to a `Map`, and compares what both say after every step. */
class Model {
  readonly #t: Trial;
  readonly #random: Random;
  readonly #sessions = new Map<string, Expected>();
  readonly #revisions = new Set<string>();

  constructor(t: Trial, random: Random) {
    this.#t = t;
    this.#random = random;
  }

  async run(steps: number): Promise<void> {
    const t = this.#t;
    const storage = await t.open();
    const builtIn = t.builtIn(storage);
    const ids = Array.from({ length: 8 }, () => t.id());
    const { can } = t;
    const actions = ["write", "write", "write", "fail", "read", "read", "invalidate"];
    if (can.conditional) actions.push("update", "create");
    if (can.wholeValues) actions.push("set", "set", "setJson", "get", "info", "touch");
    if (can.timeouts && can.clock) actions.push("pass", "pass");
    if (can.housekeeping) actions.push("sweep");
    if (can.tags) actions.push("list", "revoke");

    for (let step = 0; step < steps; step += 1) {
      const id = this.#random.oneOf(ids);
      const action = this.#random.oneOf(actions);
      const there = this.#alive(id);
      switch (action) {
        case "write":
        case "set":
        case "setJson":
          await this.#commit(storage, id, action);
          break;
        case "update":
        case "create": {
          const stale = this.#random.below(3) === 0 ? "no such revision" : undefined;
          const ifRevision = action === "create" ? null : (stale ?? there?.revision ?? "none");
          await this.#commit(
            storage,
            id,
            this.#random.oneOf(can.wholeValues ? ["write", "set"] : ["write"]),
            ifRevision,
          );
          break;
        }
        case "fail": {
          const reason = new Error("the provider's own");
          await t.passesOn(
            reason,
            () => storage.write(id, () => Promise.reject(reason)),
            "a write that fails",
          );
          break;
        }
        case "read":
        case "get":
          await this.#compare(storage, id, action === "get");
          break;
        case "info": {
          const info = await builtIn.info(id);
          equal(info?.revision, there?.revision, "info().revision");
          equal(info?.tags, there?.tags, "info().tags");
          equal(info?.createdAt, can.clock ? there?.created : info?.createdAt, "info().createdAt");
          if (there !== undefined) equal(info?.expiresAt, this.#expiry(there), "info().expiresAt");
          break;
        }
        case "invalidate":
          equal(await storage.invalidate(id), there !== undefined, "invalidate()");
          this.#sessions.delete(id);
          break;
        case "touch":
          equal(await builtIn.touch(id), there !== undefined, "touch()");
          if (there !== undefined) there.active = t.clock.now;
          break;
        case "pass":
          t.clock.advance(this.#random.below(4_000));
          break;
        case "sweep":
          await builtIn.sweep();
          equal(
            (await builtIn.stats()).sessions,
            ids.filter((each) => this.#alive(each)).length,
            "stats().sessions",
          );
          break;
        case "list": {
          const tag = this.#random.oneOf(names);
          const found: string[] = [];
          for await (const info of builtIn.listTagged(tag)) found.push(info.revision);
          const expected = this.#tagged(ids, tag).map((each) => this.#sessions.get(each)?.revision);
          equal(found.sort(), expected.sort(), "listTagged()");
          break;
        }
        case "revoke": {
          const tag = this.#random.oneOf(names);
          const tagged = this.#tagged(ids, tag);
          equal(await builtIn.invalidateTagged(tag), tagged.length, "invalidateTagged()");
          for (const each of tagged) this.#sessions.delete(each);
          break;
        }
        default:
          fail(`no action is called ${action}`);
      }
    }
    for (const id of ids) await this.#compare(storage, id, false);
  }

  async #commit(
    storage: SessionStorage,
    id: string,
    method: string,
    ifRevision?: string | null,
  ): Promise<void> {
    const t = this.#t;
    const random = this.#random;
    const before = this.#alive(id);
    const timed = t.can.timeouts && t.can.clock;
    const idle = timed ? random.oneOf([undefined, undefined, null, 3_000, 9_000]) : undefined;
    const age = timed ? random.oneOf([undefined, undefined, null, 20_000]) : undefined;
    const tags = t.can.tags && random.below(2) === 0 ? names.filter(() => random.below(2) === 0) : undefined;
    const value = random.below(100_000);
    const content =
      method === "setJson"
        ? new TextEncoder().encode(JSON.stringify({ value }))
        : pattern(random.oneOf([0, 1, 50, 3_000, 70_000]), value);
    const options = { idleTimeout: idle, absoluteTimeout: age, tags, ifRevision };
    const call = (): Promise<string> => {
      if (method === "set") return t.builtIn(storage).set(id, content, options);
      if (method === "setJson") return t.builtIn(storage).setJson(id, { value }, options);
      return storage.write(
        id,
        async (channel) => {
          const writer = channel.getWriter();
          const size = 1 + random.below(40_000);
          for (let at = 0; at < content.length; at += size)
            await writer.write(content.subarray(at, at + size));
          if (size % 2 === 0) await writer.close();
        },
        options,
      );
    };
    if (ifRevision !== undefined && ifRevision !== (before?.revision ?? null)) {
      await t.refuses("ERR_SESSION_CONFLICT", call, `${method}() under a condition that does not hold`);
      return;
    }
    const revision = await call();
    equal(this.#revisions.has(revision), false, "whether the revision was there before");
    this.#revisions.add(revision);
    this.#sessions.set(id, {
      content,
      revision,
      idle: idle === undefined ? (before?.idle ?? null) : idle,
      age: age === undefined ? (before?.age ?? null) : age,
      active: t.clock.now,
      created: before?.created ?? t.clock.now,
      tags: tags ?? before?.tags ?? [],
    });
  }

  async #compare(storage: SessionStorage, id: string, whole: boolean): Promise<void> {
    const t = this.#t;
    const there = this.#alive(id);
    if (there !== undefined) await t.holds(storage, id, there.content, "a session");
    else if (!whole)
      await t.refuses("ERR_SESSION_NOT_FOUND", () => storage.read(id, drain), "a missing session");
    else await t.gone(storage, id, "a missing session");
  }

  #expiry({ idle, age, active, created }: Expected): number | undefined {
    const ends = [...(idle === null ? [] : [active + idle]), ...(age === null ? [] : [created + age])];
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  #alive(id: string): Expected | undefined {
    const expected = this.#sessions.get(id);
    if (expected === undefined) return undefined;
    const end = this.#expiry(expected);
    if (end === undefined || end > this.#t.clock.now) return expected;
    this.#sessions.delete(id);
    return undefined;
  }

  #tagged(ids: readonly string[], tag: string): string[] {
    return ids.filter((id) => this.#alive(id)?.tags.includes(tag));
  }
}

export const model: Rule = (can) => ({
  C9_random_operations_agree_with_a_map: async (t) => {
    for (const seed of [can.seed, can.seed + 1, can.seed + 2]) {
      try {
        await new Model(t, new Random(seed)).run(300);
      } catch (error) {
        const said = codeOf(error) === "ERR_ASSERTION" ? (error as Error).message : show(error);
        fail(`random operations from seed ${seed}: ${said}`, { cause: error });
      }
    }
  },
});
