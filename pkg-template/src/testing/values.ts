import type { SessionData } from "../types.js";
import { equal, equalBytes, fail, truth } from "./assertions.js";
import { concat, drain, fill, pattern, utf8 } from "./bytes.js";
import { when, type Cases, type Rule } from "./rule.js";

async function* iterable(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}

const streamOf = (...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

/** Every kind of data that `set` takes, and the bytes that it stands for. */
function kinds(content: Uint8Array<ArrayBuffer>): [string, SessionData, Uint8Array][] {
  const framed = concat([new Uint8Array(13), content, new Uint8Array(7)]);
  const text = "plain, ünïcödé, 漢字, 🌍🏳️‍🌈, \u0000, \r\n, \ufeff";
  const [left, right] = [content.slice(0, 100), content.slice(100)];
  return [
    ["a Uint8Array", content.slice(), content],
    ["a subarray", framed.subarray(13, 13 + content.length), content],
    ["an empty Uint8Array", new Uint8Array(0), new Uint8Array(0)],
    ["an ArrayBuffer", content.slice().buffer, content],
    ["a string", text, utf8(text)],
    ["an empty string", "", new Uint8Array(0)],
    ["a Blob", new Blob([left, right]), content],
    ["an empty Blob", new Blob([]), new Uint8Array(0)],
    ["a ReadableStream", streamOf(left, new Uint8Array(0), right), content],
    ["an empty ReadableStream", streamOf(), new Uint8Array(0)],
    ["an AsyncIterable", iterable(left, right.subarray(0, 0), right), content],
    [
      "an AsyncIterable of subarrays",
      iterable(framed.subarray(13, 50), framed.subarray(50, 13 + content.length)),
      content,
    ],
    ["an empty AsyncIterable", iterable(), new Uint8Array(0)],
  ];
}

const json: readonly unknown[] = [
  {},
  [],
  null,
  true,
  false,
  0,
  -0.5,
  1e21,
  5e-324,
  Number.MAX_SAFE_INTEGER,
  "",
  "text",
  'quotes " \\ / \b \f \n \r \t \u0000 \u2028 \u2029',
  "ünïcödé 漢字 🌍",
  { user: "ada", visits: 3, cart: [{ sku: "a-1", n: 2 }], note: null, "": { "": "" } },
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
  Array.from({ length: 2_000 }, (_, at) => ({ at, text: "x".repeat(at % 50) })),
];

const cases: Cases = {
  C9_set_takes_every_kind_of_data: async (t) => {
    const storage = await t.openBuiltIn();
    for (const [kind, data, bytes] of kinds(pattern(3_000, 21))) {
      const id = t.id();
      const revision = await storage.set(id, data);
      await t.holds(storage, id, bytes, kind);
      const info = await storage.info(id);
      equal(info?.revision, revision, `${kind}: the revision`);
      equal(info?.byteLength, bytes.byteLength, `${kind}: info.byteLength`);
    }
  },

  C9_each_kind_of_data_replaces_each_other: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    for (const content of [pattern(9_000, 1), pattern(200, 2), pattern(30_000, 3)]) {
      for (const [kind, data, bytes] of kinds(content)) {
        await storage.set(id, data);
        await t.holds(storage, id, bytes, kind);
      }
    }
  },

  C9_large_values_pass_both_ways: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    const content = pattern(5 * 1024 * 1024, 22);
    await storage.set(id, content);
    equalBytes(await storage.read(id, drain), content, "set and read as a stream");
    await storage.write(id, (channel) =>
      fill(channel, content.subarray(0, 3_000_001), content.subarray(3_000_001)),
    );
    const whole = await storage.get(id);
    equalBytes(whole?.data ?? new Uint8Array(), content, "written as a stream and got");
    const long = "é🌍".repeat(500_000);
    await storage.setJson(id, long);
    truth((await storage.getJson(id)) === long, "a JSON string of 3 MB is another");
  },

  C9_what_get_gives_is_a_plain_Uint8Array: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "content");
    const { data } = (await storage.get(id)) ?? fail("get() found no session");
    truth(data instanceof Uint8Array, "data is no Uint8Array");
    equal(Object.getPrototypeOf(data) === Uint8Array.prototype, true, "whether data is a plain Uint8Array");
    equal(
      new TextDecoder().decode(data.buffer.slice(data.byteOffset, data.byteOffset + 7)),
      "content",
      "its buffer",
    );
    // The caller owns it: it can be transferred without taking anything from the storage.
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
    await t.holds(storage, id, "content", "once the value got was transferred");
  },

  C9_json_comes_back_as_it_was: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    for (const value of json) {
      const revision = await storage.setJson(id, value);
      const back = await storage.getJson(id);
      equal(JSON.stringify(back), JSON.stringify(value), "the value");
      equal((await storage.info(id))?.revision, revision, "the revision");
      await t.holds(storage, id, JSON.stringify(value), "its JSON");
    }
    equal(({} as Record<string, unknown>)["polluted"], undefined, "the prototype of all objects");
  },

  C9_json_may_be_written_as_a_string_or_a_stream: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, '{"by": "set"}');
    equal(await storage.getJson(id), { by: "set" }, "written by set()");
    await t.put(storage, id, ' [1, 2,\n"three"] ');
    equal(await storage.getJson(id), [1, 2, "three"], "written as a stream");
    await storage.setJson(id, "🌍");
    equal(await storage.read(id, (channel) => new Response(channel).json()), "🌍", "read as a stream");
  },

  C9_toJSON_and_what_JSON_drops_are_as_JSON_has_them: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.setJson(id, {
      at: new Date(0),
      none: undefined,
      list: [undefined, () => 1],
      nan: Number.NaN,
    });
    equal(
      await storage.getJson(id),
      { at: "1970-01-01T00:00:00.000Z", list: [null, null], nan: null },
      "the value",
    );
    await storage.setJson(id, "lone \ud83c surrogate");
    equal(await storage.getJson(id), "lone \ud83c surrogate", "a lone surrogate, which JSON escapes");
  },

  C11_a_value_that_has_no_json_is_refused: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.setJson(id, "before");
    const values = [undefined, () => 1, Symbol("s"), { toJSON: () => undefined }];
    for (const value of values) {
      const what = `setJson() of type ${typeof value}`;
      await t.refuses("ERR_SESSION_INVALID_OPTION", () => storage.setJson(id, value), what);
      equal(await storage.getJson(id), "before", `after ${what}`);
    }
    await storage.setJson(id, "next");
    equal(await storage.getJson(id), "next", "the next value");
  },

  C11_what_JSON_itself_refuses_is_passed_on: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.setJson(id, "before");
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    for (const value of [cyclic, 5n, { deep: [1n] }]) {
      const error = await t.rejects(() => storage.setJson(id, value), "setJson()");
      truth(error instanceof TypeError, "setJson() of what JSON.stringify refuses: not its TypeError");
    }
    const reason = new Error("toJSON's own");
    const thrower = {
      toJSON() {
        throw reason;
      },
    };
    await t.passesOn(reason, () => storage.setJson(id, thrower), "setJson() with a toJSON that throws");
    equal(await storage.getJson(id), "before", "afterwards");
    await storage.setJson(id, "next");
    equal(await storage.getJson(id), "next", "the next value");
  },

  C11_data_that_is_none_is_refused: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "before");
    for (const bad of [
      undefined,
      null,
      5,
      true,
      5n,
      Symbol("s"),
      {},
      () => "x",
      new Date(0),
      new String("x"),
    ]) {
      const what = `set() of type ${typeof bad}`;
      await t.refuses("ERR_SESSION_INVALID_OPTION", () => storage.set(id, bad as never), what);
    }
    await t.holds(storage, id, "before", "after the refusals");
    await storage.set(id, "next");
    await t.holds(storage, id, "next", "the next value");
  },

  C11_a_source_whose_chunks_are_no_bytes_is_refused: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "before");
    for (const bad of ["a string", 5, null, undefined, {}, [1]]) {
      const what = `a chunk of type ${typeof bad}`;
      const chunks = [utf8("half "), bad as never];
      await t.refuses(
        "ERR_SESSION_INVALID_OPTION",
        () => storage.set(id, iterable(...chunks)),
        `${what}, iterated`,
      );
      await t.refuses(
        "ERR_SESSION_INVALID_OPTION",
        () => storage.set(id, streamOf(...chunks)),
        `${what}, streamed`,
      );
    }
    await t.holds(storage, id, "before", "after the refusals");
  },

  C11_a_source_that_is_used_up_or_locked_is_refused: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "before");
    const locked = streamOf(utf8("content"));
    const reader = locked.getReader();
    await t.rejects(() => storage.set(id, locked), "set() of a locked stream");
    await t.holds(storage, id, "before", "after the refusal");
    equal((await reader.read()).done, false, "the locked stream");
    const detached = utf8("content");
    structuredClone(detached, { transfer: [detached.buffer] });
    await storage.set(id, detached).catch(() => {});
    await storage.set(id, "next");
    await t.holds(storage, id, "next", "the next value");
  },

  C11_an_iterable_that_breaks_the_rules_is_survived: async (t) => {
    const storage = await t.openBuiltIn();
    const id = t.id();
    await storage.set(id, "before");
    const reason = new Error("the iterable's own");
    const thrower = (): never => {
      throw reason;
    };
    const broken: AsyncIterable<Uint8Array>[] = [
      { [Symbol.asyncIterator]: thrower },
      { [Symbol.asyncIterator]: () => ({ next: thrower }) },
      { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(reason) }) },
      {
        [Symbol.asyncIterator]: () =>
          ({ next: () => Promise.resolve(Object.defineProperty({}, "done", { get: thrower })) }) as never,
      },
    ];
    for (const [at, source] of broken.entries()) {
      await t.passesOn(reason, () => storage.set(id, source), `set() of broken iterable ${at}`);
    }
    await t.holds(storage, id, "before", "after the failures");
  },
};

export const values: Rule = (can) => when(can.wholeValues, cases);
