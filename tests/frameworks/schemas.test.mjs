// Schemas of real libraries that speak Standard Schema, with a value that JSON cannot hold.
import { SessionStorageMemory, cookie, sessions } from "sessile";
import * as v from "valibot";
import { z } from "zod";
import { equal, matches, rejection, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

const SCHEMAS = {
  zod: z.object({ name: z.string(), seen: z.coerce.date(), roles: z.array(z.string()).default([]) }),
  valibot: v.object({
    name: v.string(),
    seen: v.pipe(v.union([v.string(), v.date()]), v.toDate()),
    roles: v.optional(v.array(v.string()), []),
  }),
};

for (const [library, schema] of Object.entries(SCHEMAS)) {
  describe(`a schema of ${library}`, () => {
    const appOf = (more) => {
      const storage = new SessionStorageMemory();
      const app = sessions({ user: cookie("user", storage, { schema, ...more }) });
      const handler = app.fetch(async (_, { user }, work) => (await work(user), new Response()));
      let held = "";
      const send = async (work) => {
        const response = await handler(new Request("http://localhost/", { headers: { cookie: held } }), work);
        held = response.headers.getSetCookie()[0]?.split(";", 1)[0] ?? held;
      };
      return { send, storage, idOf: () => held.slice("user=".length) };
    };
    const nextDay = (value) => ({ ...value, seen: new Date(value.seen.getTime() + 86_400_000) });

    it("restores a Date, and what is absent, for get and for update", async () => {
      const { send } = appOf();
      await send((user) => user.set({ name: "Ada", seen: new Date(0) }));
      await send(async (user) => {
        same(await user.get(), { name: "Ada", seen: new Date(0), roles: [] });
        await send((other) => other.update(nextDay));
        await user.update(nextDay);
      });
      await send(async (user) => {
        const { seen, roles } = await user.get();
        equal(seen instanceof Date, true);
        same([seen, roles], [new Date(2 * 86_400_000), []]);
      });
    });

    it("refuses what it does not know, when it is stored and when it is loaded", async () => {
      const reports = [];
      const { send, storage, idOf } = appOf({ onInvalid: (report) => reports.push(report) });
      const error = await rejection(send((user) => user.set({ name: 17, seen: new Date(0) })));
      equal(error.code, "ERR_SESSION_INVALID_OPTION");
      equal(error.cause.length > 0, true);
      await send((user) => user.set({ name: "Ada", seen: new Date(0) }));
      await storage.setJson(idOf(), { name: "Ada", seen: "yesterday" });
      await send(async (user) => equal(await user.get(), undefined));
      same(
        reports.map(({ name, reason }) => [name, reason]),
        [["user", "schema"]],
      );
      matches(JSON.stringify(reports[0].cause), /seen/);
    });
  });
}
