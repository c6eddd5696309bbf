import { equal } from "./assertions.js";
import { drain, pattern, utf8 } from "./bytes.js";
import { when, type Rule } from "./rule.js";

export const corruption: Rule = (can) => ({
  ...when(can.damage !== undefined, {
    C12_a_damaged_record_is_told_from_a_missing_one: async (t) => {
      const storage = await t.open();
      const [id, other] = [t.id(), t.id()];
      await t.put(storage, id, pattern(5_000));
      await t.put(storage, other, "unharmed");
      await can.damage?.(storage, id);
      await t.refuses("ERR_SESSION_CORRUPT", () => storage.read(id, drain), "read() of a damaged session");
      await t.holds(storage, other, "unharmed", "another session");
    },

    C12_a_damaged_record_does_not_come_back_and_can_be_replaced: async (t) => {
      const storage = await t.open();
      const id = t.id();
      await t.put(storage, id, "content");
      await can.damage?.(storage, id);
      const codes = ["ERR_SESSION_CORRUPT", "ERR_SESSION_NOT_FOUND"] as const;
      for (let round = 0; round < 3; round += 1) {
        await t.refuses(codes, () => storage.read(id, drain), `read ${round} of a damaged session`);
      }
      await t.put(storage, id, "anew");
      await t.holds(storage, id, "anew", "the session written anew");
    },

    C12_a_damaged_record_can_be_invalidated: async (t) => {
      const storage = await t.open();
      const id = t.id();
      await t.put(storage, id, "content");
      await can.damage?.(storage, id);
      await storage.invalidate(id);
      await t.gone(storage, id, "after invalidate()");
    },
  }),

  ...when(can.damage !== undefined && can.wholeValues, {
    C12_no_whole_value_comes_from_a_damaged_record: async (t) => {
      const storage = await t.openBuiltIn();
      for (const method of ["get", "getJson"] as const) {
        const id = t.id();
        await storage.setJson(id, { user: "ada" });
        await can.damage?.(storage, id);
        await t.refuses("ERR_SESSION_CORRUPT", () => storage[method](id), `${method}() of a damaged session`);
      }
    },
  }),

  ...when(can.damage !== undefined && can.housekeeping, {
    C12_a_damaged_record_does_not_stop_the_housekeeping: async (t) => {
      const storage = await t.openBuiltIn();
      const [id, other] = [t.id(), t.id()];
      await storage.set(id, "content");
      await storage.set(other, "unharmed");
      await can.damage?.(storage, id);
      await storage.sweep();
      await storage.stats();
      await t.holds(storage, other, "unharmed", "another session");
    },
  }),

  ...when(can.wholeValues, {
    C12_content_that_is_no_json_is_corrupt_to_getJson_alone: async (t) => {
      const storage = await t.openBuiltIn();
      const contents = [
        "",
        "{",
        "undefined",
        "{'a':1}",
        '{"a":1}}',
        "\ufeff{",
        new Uint8Array([0xff, 0xfe, 0x22]),
      ];
      for (const content of contents) {
        const id = t.id();
        const revision = await storage.set(id, content);
        await t.refuses("ERR_SESSION_CORRUPT", () => storage.getJson(id), "getJson() of no JSON");
        const bytes = typeof content === "string" ? utf8(content) : content;
        await t.holds(storage, id, bytes, "the session, which is as good as before");
        equal((await storage.info(id))?.revision, revision, "the revision");
      }
    },

    C12_json_in_bytes_that_are_no_utf8_is_corrupt: async (t) => {
      const storage = await t.openBuiltIn();
      const id = t.id();
      await storage.set(id, new Uint8Array([0x22, 0xc3, 0x28, 0x22]));
      await t.refuses(
        "ERR_SESSION_CORRUPT",
        () => storage.getJson(id),
        "getJson() of broken UTF-8 in quotes",
      );
      await storage.setJson(id, "mended");
      equal(await storage.getJson(id), "mended", "the next value");
    },
  }),
});
