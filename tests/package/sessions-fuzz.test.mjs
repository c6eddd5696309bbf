// What nobody has thought of, the same in each run: Cookie headers, tickets, stored contents and merges made at random, each
// beside a second, plainer way to the same answer.
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { equal, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { appOf, request, seeded, valueOf } from "./sessions-app.mjs";

const SECRET = "the newest secret, of 32 or more bytes";

/** Chooses at random, by a seed. */
class Dice {
  constructor(seed) {
    this.random = seeded(seed);
  }

  below(count) {
    return Math.floor(this.random() * count);
  }

  of(list) {
    return list[this.below(list.length)];
  }

  text(pieces, most) {
    return Array.from({ length: this.below(most + 1) }, () => this.of(pieces)).join("");
  }
}

/** Runs a case many times; of one that fails, the message says what was given. */
async function each(seed, count, run) {
  const dice = new Dice(seed);
  for (let round = 0; round < count; round += 1) {
    const given = {};
    try {
      await run(dice, given);
    } catch (error) {
      throw new Error(`round ${round} of seed ${seed}: ${JSON.stringify(given)}`, { cause: error });
    }
  }
}

// Cookies -------------------------------------------------------------------------------------------------------------

/** A storage that has nothing, and notes what it was asked for. */
function asking() {
  const asked = [];
  const storage = {
    asked,
    read: async (id) => {
      asked.push(id);
      throw Object.assign(new Error("none"), { code: "ERR_SESSION_NOT_FOUND" });
    },
    get: async (id) => void asked.push(id),
    write: async () => "1",
    invalidate: async () => false,
  };
  return storage;
}

/** RFC 6265bis, from the server's side: pairs between semicolons, and around names and values no space or tab. */
function valueIn(header, name) {
  for (const pair of header.split(";")) {
    const [, own, value] = /^[ \t]*([^=]*?)[ \t]*=[ \t]*([^]*?)[ \t]*$/.exec(pair) ?? [];
    if (own === name) return value;
  }
  return undefined;
}

function decoded(value) {
  const bare = /^"[^]*"$/.test(value) ? value.slice(1, -1) : value;
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}

const HEADER_PIECES = [
  ...'=;,  \t"%$\\',
  "user",
  "user",
  "user=",
  "; user=",
  "users=",
  "USER=",
  "%75ser",
  "__proto__=",
  "%",
  "%2",
  "%3B",
  "%3d",
  "%00",
  "%C3%A9",
  "%C3",
  "%ED%A0%80",
  '"a"',
  "abc",
  "é",
  // No space where a header's bytes are letters: browsers let a site's neighbour set such names.
  "\u00a0",
  "\u0085",
  "\u000b",
  "\u000c",
  "\ufeff",
  "\u2003",
  "\ud800",
];

describe("sessions, fuzzed", () => {
  it("the id that is asked for is the value of the first cookie of that very name", async () => {
    const storage = asking();
    const { handler } = appOf(storage, { onConflict: "overwrite" });
    await each(1, 1500, async (dice, given) => {
      given.header = dice.text(HEADER_PIECES, 9);
      storage.asked.length = 0;
      await handler(request(given.header), (user) => user.get());
      const raw = valueIn(given.header, "user");
      const id = raw === undefined ? undefined : decoded(raw);
      const isId = id !== undefined && id !== "" && id.length <= 1024 && !/\p{Surrogate}/u.test(id);
      same(storage.asked, isId ? [id] : [], "what the storage was asked for");
    });
  });

  it("S3_no_ticket_that_was_not_signed_reaches_the_storage", async () => {
    const storage = asking();
    const { handler } = appOf(storage, { onConflict: "overwrite", secrets: [SECRET, `older: ${SECRET}`] });
    const response = await handler(request(), (user) => user.set({ n: 1 }));
    const ticket = decodeURIComponent(response.headers.getSetCookie()[0].split(/[=;]/, 2)[1]);
    const id = ticket.slice(2, ticket.lastIndexOf("."));
    let accepted = 0;
    await each(2, 800, async (dice, given) => {
      given.ticket = changed(dice, ticket);
      storage.asked.length = 0;
      const header = `user=${dice.below(2) === 0 ? given.ticket : encodeURIComponent(given.ticket)}`;
      await handler(request(header), (user) => user.get());
      const isOurs = decoded(valueIn(header, "user") ?? "") === ticket;
      same(storage.asked, isOurs ? [id] : [], "what the storage was asked for");
      accepted += storage.asked.length;
    });
    equal(accepted > 0 && accepted < 400, true, "some were left as they were");
  });

  it("S3_no_content_that_was_not_sealed_is_read_from_a_cookie", async () => {
    const app = sessions({ user: cookie("user", { secrets: [SECRET] }) });
    const handler = app.fetch(async (_, { user }, work) => {
      await work(user);
      return new Response("ok");
    });
    const response = await handler(request(), (user) => user.set({ name: "Ada" }));
    const ticket = response.headers.getSetCookie()[0].split(/[=;]/, 2)[1];
    await each(3, 300, async (dice, given) => {
      given.ticket = changed(dice, ticket);
      let value;
      await handler(request(`user=${given.ticket}`), async (user) => (value = await user.get()));
      const isOurs = decoded(valueIn(`user=${given.ticket}`, "user") ?? "") === ticket;
      same(value, isOurs ? { name: "Ada" } : undefined);
    });
  });
});

/** A ticket with up to three changes. */
function changed(dice, ticket) {
  let text = ticket;
  for (let changes = dice.below(4); changes > 0; changes -= 1) {
    const at = dice.below(text.length + 1);
    const piece = dice.of(["", "A", "s:", ".", "=", "v1.", " ", "%", "%2e", "\u00e9", text.slice(0, at)]);
    text = text.slice(0, at) + piece + text.slice(at + dice.below(3));
  }
  return text;
}

// Contents ------------------------------------------------------------------------------------------------------------

const KEYS = ["a", "b", "1", "", "$flash", "$value", "__proto__", "constructor", "toJSON", "é", "\ud800"];
const LEAVES = [0, 1, -1.5, 1e300, "", "text", '"$flash"', "\u2028\ud800", true, false, null];

function anyValue(dice, depth = 3) {
  const kind = depth === 0 ? 0 : dice.below(4);
  if (kind < 2) return dice.of(LEAVES);
  if (kind === 2) return Array.from({ length: dice.below(3) }, () => anyValue(dice, depth - 1));
  return anyObject(dice, depth - 1);
}

function anyObject(dice, depth) {
  const entries = Array.from({ length: dice.below(4) }, () => [dice.of(KEYS), anyValue(dice, depth)]);
  return Object.fromEntries(entries);
}

/** JSON in which the order of keys does not count. */
function sorted(value) {
  return JSON.stringify(value, (_, item) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item,
  );
}

const CONTENTS = ['{"a":', '"$flash":', '"$value":', '{"info":["x"]}', "}", "{", "[", "]", ",", "1", " "];
const MORE_CONTENTS = [
  '"a"',
  "null",
  "1e999",
  "-0",
  "moved:",
  "\\",
  '"',
  "{}",
  '{"a":1}',
  `${"[".repeat(210)}${"]".repeat(210)}`,
];

describe("contents of sessions, fuzzed", () => {
  it("a value and its messages come back as they were", async () => {
    await each(4, 200, async (dice, given) => {
      const { client } = appOf();
      given.value = anyValue(dice);
      given.messages = Array.from({ length: dice.below(3) }, () => [
        dice.of(KEYS.slice(4)),
        dice.of(["", "x"]),
      ]);
      await client.send(async (user) => {
        await user.set(given.value);
        for (const [kind, message] of given.messages) await user.flash(kind, message);
      });
      same(await valueOf(client), given.value, "the value");
      await client.send(async (user) => {
        for (const kind of new Set(given.messages.map(([kind]) => kind))) {
          const own = given.messages.filter((message) => message[0] === kind);
          same(
            await user.flashes(kind),
            own.map(([, message]) => message),
            "the messages",
          );
        }
      });
      same(await valueOf(client), given.value, "the value without the messages");
    });
  });

  it("S7_whatever_is_stored_is_a_value_or_reported", async () => {
    const storage = new SessionStorageMemory();
    const reports = [];
    const { handler } = appOf(storage, { onInvalid: ({ reason }) => void reports.push(reason) });
    await each(5, 1000, async (dice, given) => {
      const foreign = { ...anyObject(dice, 1), $flash: dice.of([{}, { info: ["x"] }, { info: [1] }, 1]) };
      given.stored = dice.text([...CONTENTS, ...MORE_CONTENTS], 7) || JSON.stringify(foreign);
      reports.length = 0;
      await storage.set("an id", given.stored);
      let value;
      await handler(request("user=an%20id"), async (user) => (value = await user.get()));
      if (given.stored.startsWith("moved:")) return equal(value, undefined);
      let expected;
      try {
        expected = JSON.parse(given.stored);
      } catch {
        return same(reports, ["damaged"], "reports");
      }
      if (reports.length > 0) return equal(isStorable(given.stored), false, "it could be used");
      const { $flash, ...rest } = Object(expected);
      if (!isMessages($flash)) same(value, expected);
      else if (Object.keys(rest).join() === "$value") same(value, rest.$value);
      else same(value, Object.keys(rest).length > 0 ? rest : undefined);
    });
  });

  it("S1_a_merge_loses_nothing_that_only_one_has_changed", async () => {
    await each(6, 300, async (dice, given) => {
      const { client, handler } = appOf();
      given.base = anyObject(dice, 3);
      given.mine = variant(dice, given.base);
      given.theirs = variant(dice, given.base);
      await client.send((user) => user.set(given.base));
      await handler(request(client.cookie), async (user) => {
        await user.get();
        await handler(request(client.cookie), (other) => other.set(given.theirs));
        await user.set(given.mine);
      });
      equal(sorted(await valueOf(client)), sorted(merged(given.base, given.mine, given.theirs)));
    });
  });
});

function isMessages(flash) {
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isList = (list) => Array.isArray(list) && list.every((message) => typeof message === "string");
  return isObject(flash) && Object.values(flash).every(isList);
}

/** Whether a session could have been given this value. */
function isStorable(text) {
  return !text.includes("1e999") && !text.includes("[".repeat(200));
}

/** The same object after somebody's changes. */
function variant(dice, base) {
  const copy = JSON.parse(JSON.stringify(base));
  for (let changes = dice.below(4); changes > 0; changes -= 1) {
    const key = dice.of(KEYS);
    const within = Object.hasOwn(copy, key) ? copy[key] : undefined;
    const inner =
      typeof within === "object" && within !== null && !Array.isArray(within) && dice.below(2) === 0;
    if (inner) define(copy, key, variant(dice, within));
    else if (dice.below(3) === 0) delete copy[key];
    else define(copy, key, anyValue(dice, 2));
  }
  return copy;
}

function define(object, key, value) {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** By what each has at a key: the text of it, or none. */
function merged(base, mine, theirs) {
  const maps = [base, mine, theirs].map((value) => new Map(Object.entries(value)));
  const all = new Set(maps.flatMap((map) => [...map.keys()]));
  const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = [];
  for (const key of all) {
    const [was, my, their] = maps.map((map) => (map.has(key) ? sorted(map.get(key)) : undefined));
    const [inBase, inMine, inTheirs] = maps.map((map) => map.get(key));
    const bothMade = isMap(inMine) && isMap(inTheirs) && (was === undefined || isMap(inBase));
    if (my === was) entries.push([key, their === undefined ? undefined : inTheirs, their]);
    else if (their === was || !bothMade) entries.push([key, inMine, my]);
    else entries.push([key, merged(inBase ?? {}, inMine, inTheirs), ""]);
  }
  return Object.fromEntries(entries.filter(([, , there]) => there !== undefined));
}
