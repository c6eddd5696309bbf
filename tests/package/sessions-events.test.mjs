// What is told and counted of sessions.
import { SessionStorageMemory, cookie, header, sessions } from "sessile";
import { equal, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { appOf, request } from "./sessions-app.mjs";

const diagnostics = globalThis.process?.getBuiltinModule?.("node:diagnostics_channel");

const some = (counters) => Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0));

describe("events of sessions", () => {
  it("are counted for each definition", async () => {
    const secrets = ["secret"];
    const { app, client, handler } = appOf(new SessionStorageMemory(), { secrets });
    await client.send((user) => user.set({ n: 1 }));
    const first = client.cookie;
    await client.send((user) => user.regenerate());
    await handler(request(first), (user) => user.get());
    await handler(request(client.cookie), async (user) => {
      await user.update(({ n }) => ({ n: n + 1 }));
      await handler(request(client.cookie), (other) => other.update(({ n }) => ({ n: n + 1 })));
    });
    const last = client.cookie;
    await client.send((user) => user.clear());
    await handler(request(last), (user) => user.get());
    await handler(request("user=nobody's"), (user) => user.get());
    same(some(app.counters().user), {
      created: 1,
      regenerated: 1,
      invalidated: 1,
      conflict: 1,
      expired: 1,
      unknown: 1,
      moved: 1,
    });
    const two = sessions({
      one: cookie("one", new SessionStorageMemory()),
      two: header("X-Two", new SessionStorageMemory()),
    });
    same(Object.keys(two.counters()), ["one", "two"]);
    same(some(two.counters().one), {});
  });

  it("tell what was signed anew, and what cannot be used", async () => {
    const storage = new SessionStorageMemory();
    const before = appOf(storage, { secrets: ["old"] });
    await before.client.send((user) => user.set({ n: 1 }));
    const { app, handler } = appOf(storage, { secrets: ["new", "old"] });
    const heard = [];
    const listen = ({ type }) => heard.push(type);
    diagnostics?.subscribe("sessile:session", listen);
    const response = await handler(request(before.client.cookie), (user) => user.get());
    equal(response.headers.getSetCookie().length, 1);
    const [id] = decodeURIComponent(before.client.cookie).slice("user=s:".length).split(".");
    await storage.set(id, "no JSON");
    await handler(request(before.client.cookie), (user) => user.get());
    diagnostics?.unsubscribe("sessile:session", listen);
    same(some(app.counters().user), { renewed: 1, expired: 1, invalid: 1 });
    same(heard, diagnostics === undefined ? [] : ["renewed", "invalid", "expired"]);
  });

  it("reach onEvent and the diagnostics channel, and what fails there costs nothing", async () => {
    const told = [];
    const onEvent = (event) => {
      told.push(event);
      throw new Error("a log that fails");
    };
    const { client } = appOf(new SessionStorageMemory(), { onEvent });
    const heard = [];
    const listen = (event) => heard.push(event);
    diagnostics?.subscribe("sessile:session", listen);
    await client.send((user) => user.set({ secret: "of Ada" }));
    diagnostics?.unsubscribe("sessile:session", listen);
    await client.send((user) => user.clear());
    same(told, [
      { type: "created", name: "user" },
      { type: "invalidated", name: "user" },
    ]);
    same(heard, diagnostics === undefined ? [] : [{ type: "created", name: "user" }]);
    equal(client.cookie, undefined);
  });
});
