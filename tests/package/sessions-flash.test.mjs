// Messages that wait for the next request.
import { SessionStorageMemory } from "sessile";
import { equal, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { Client, appOf, request, valueOf } from "./sessions-app.mjs";

async function flashesOf(client, kind = "info") {
  let messages;
  await client.send(async (user) => {
    messages = await user.flashes(kind);
  });
  return messages;
}

describe("flash messages", () => {
  it("are there for the next request, in their order, and once", async () => {
    const { client } = appOf();
    await client.send(async (user) => {
      await user.flash("info", "Saved");
      await user.flash("error", "Not sent");
      await user.flash("info", "Printed");
    });
    equal(await valueOf(client), undefined);
    same(await flashesOf(client), ["Saved", "Printed"]);
    same(await flashesOf(client), []);
    same(await flashesOf(client, "error"), ["Not sent"]);
    same(await flashesOf(client, "__proto__"), []);
  });

  it("stand beside any value and change none", async () => {
    const values = [
      { name: "Ada" },
      {},
      [],
      [1],
      "text",
      0,
      null,
      true,
      { $flash: { info: ["mine"] } },
      { $value: 1 },
    ];
    for (const value of values) {
      const { client } = appOf();
      await client.send((user) => user.set(value));
      same(await valueOf(client), value);
      await client.send((user) => user.flash("__proto__", "Saved"));
      same(await valueOf(client), value);
      same(await flashesOf(client, "__proto__"), ["Saved"]);
      same(await valueOf(client), value);
    }
  });

  it("S1_parallel_requests_lose_none_and_take_none_twice", async () => {
    const { client, handler } = appOf();
    await client.send(async (user) => {
      await user.set({ n: 0 });
      await user.flash("info", "first");
    });
    const add = (index) =>
      handler(request(client.cookie), async (user) => {
        if (index === 50) await user.flashes("info");
        await user.flash("info", `message ${index}`);
        await user.update(({ n }) => ({ n: n + 1 }));
      });
    await Promise.all(Array.from({ length: 100 }, (_, index) => add(index)));
    const messages = await flashesOf(client);
    equal(new Set(messages).size, messages.length);
    equal(messages.includes("first"), false);
    equal(messages.length, 100);
    same(await valueOf(client), { n: 100 });
  });

  it("S3_go_with_the_session_to_another_id", async () => {
    const { client } = appOf();
    await client.send(async (user) => {
      await user.set({ name: "Ada" });
      await user.flash("info", "Welcome");
      await user.commit();
      await user.regenerate();
      await user.flash("info", "back");
    });
    same(await flashesOf(client), ["Welcome", "back"]);
    await client.send((user) => user.clear());
    same(await flashesOf(client), []);
  });

  it("stand beside a value that is nested as deep as it can be", async () => {
    for (const around of [(value) => [value], (value) => ({ value })]) {
      let deep = 1;
      for (let level = 0; level < 200; level += 1) deep = around(deep);
      const { client } = appOf();
      await client.send((user) => user.set(deep));
      await client.send((user) => user.flash("info", "Saved"));
      same(await valueOf(client), deep);
      await client.send(async (user) => same(await user.flashes("info"), ["Saved"]));
      same(await valueOf(client), deep);
    }
  });

  it("are not shown to a schema", async () => {
    const seen = [];
    const validate = (value) => {
      seen.push(value);
      return { value };
    };
    const schema = { "~standard": { version: 1, vendor: "test", validate } };
    const { client } = appOf(new SessionStorageMemory(), { schema });
    await client.send(async (user) => {
      await user.set({ name: "Ada" });
      await user.flash("info", "Saved");
    });
    same(await valueOf(client), { name: "Ada" });
    same(await flashesOf(client), ["Saved"]);
    equal(
      seen.every((value) => Object.keys(value).join() === "name"),
      true,
    );
  });

  it("taken and not committed are still there", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.flash("info", "Saved"));
    const failing = handler(request(client.cookie), async (user) => {
      same(await user.flashes("info"), ["Saved"]);
      throw new Error("after");
    });
    equal((await rejection(failing)).message, "after");
    same(await flashesOf(client), ["Saved"]);
  });

  it("must be strings of a kind", async () => {
    const { handler } = appOf();
    const client = new Client(handler);
    await client.send(async (user) => {
      for (const given of [[], [""], ["info"], ["info", 1], [1, "text"]]) {
        equal((await rejection(user.flash(...given))).code, "ERR_SESSION_INVALID_OPTION");
      }
      equal((await rejection(user.flashes())).code, "ERR_SESSION_INVALID_OPTION");
    });
  });
});
