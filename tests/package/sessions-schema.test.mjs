// Sessions whose schema makes something else of their JSON, as one that restores a Date.
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { equal, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { Client, appOf, request } from "./sessions-app.mjs";

/** Of `{ at: Date, n: number }`. */
function schemaOf(wait) {
  const validate = (value) => {
    const at = new Date(value?.at);
    if (Number.isNaN(at.getTime())) return { issues: [{ message: "at must be a date" }] };
    return { value: { ...value, at } };
  };
  const validated = wait ? async (value) => validate(value) : validate;
  return { "~standard": { version: 1, vendor: "test", validate: validated } };
}

/** Fails where it is given what the schema has not made. */
const later = (value) => ({ ...value, at: new Date(value.at.getTime() + 1_000), n: value.n + 1 });

const places = {
  "in a storage": (schema) => appOf(new SessionStorageMemory(), { schema }),
  "in a sealed cookie": (schema) => {
    const secrets = ["a secret of more than 32 bytes, for tests"];
    const app = sessions({ user: cookie("user", { secrets, schema }) });
    const handler = app.fetch(async (_, { user }, work) => (await work(user), new Response()));
    return { app, handler, client: new Client(handler) };
  },
};

for (const [place, make] of Object.entries(places)) {
  for (const wait of [false, true]) {
    describe(`a schema that restores what JSON cannot hold, ${place}${wait ? ", and takes its time" : ""}`, () => {
      it("makes what get gives and what update is given", async () => {
        const { client } = make(schemaOf(wait));
        await client.send((user) => user.set({ at: new Date(0), n: 0 }));
        await client.send(async (user) => {
          const value = await user.get();
          equal(value.at instanceof Date, true);
          value.at = new Date(5_000);
          same(await user.update(later), { at: new Date(6_000), n: 1 });
          same(await user.update(later), { at: new Date(7_000), n: 2 });
        });
        await client.send((user) => user.update(later));
        await client.send(async (user) => same(await user.get(), { at: new Date(8_000), n: 3 }));
      });

      it("an update that throws changes nothing", async () => {
        const { client } = make(schemaOf(wait));
        await client.send((user) => user.set({ at: new Date(0), n: 0 }));
        await client.send(async (user) => {
          const thrown = new Error("no");
          const failing = user.update((value) => {
            value.n = 9;
            throw thrown;
          });
          equal(await rejection(failing), thrown);
          equal((await rejection(user.update(() => ({ at: NaN })))).code, "ERR_SESSION_INVALID_OPTION");
          same(await user.get(), { at: new Date(0), n: 0 });
        });
        await client.send(async (user) => same(await user.get(), { at: new Date(0), n: 0 }));
      });

      it("updates of one request that are not awaited all count", async () => {
        const { client } = make(schemaOf(wait));
        await client.send((user) => user.set({ at: new Date(0), n: 0 }));
        await client.send((user) => Promise.all(Array.from({ length: 10 }, () => user.update(later))));
        await client.send(async (user) => same(await user.get(), { at: new Date(10_000), n: 10 }));
      });
    });
  }
}

describe("a schema that restores what JSON cannot hold", () => {
  for (const wait of [false, true]) {
    it(`S1_updates_run_again_on_what_it_makes_of_others_values${wait ? "_in_its_time" : ""}`, async () => {
      const { client, handler } = appOf(undefined, { schema: schemaOf(wait) });
      await client.send((user) => user.set({ at: new Date(0), n: 0 }));
      const one = () =>
        handler(request(client.cookie), async (user) => {
          await user.get();
          await user.update(later);
          await user.update(later);
        });
      await Promise.all(Array.from({ length: 20 }, one));
      await client.send(async (user) => {
        same(await user.get(), { at: new Date(40_000), n: 40 });
        await user.update(later);
        await user.regenerate();
        await one();
      });
      await client.send(async (user) => {
        const { n } = await user.get();
        equal(n, 43);
      });
    });

    it(`S1_what_is_changed_after_a_commit_that_merged_is_stored_too${wait ? "_in_its_time" : ""}`, async () => {
      const { client, handler } = appOf(undefined, { schema: schemaOf(wait) });
      await client.send((user) => user.set({ at: new Date(0), n: 0 }));
      await client.send(async (user) => {
        const mine = await user.get();
        mine.mine = 1;
        await handler(request(client.cookie), (other) => other.update(later));
        await user.commit();
        mine.last = 2;
      });
      await client.send(async (user) =>
        same(await user.get(), { at: new Date(1_000), n: 1, mine: 1, last: 2 }),
      );
    });
  }
});
