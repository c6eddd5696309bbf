// S6 and S7: storages that fail or hang, and stored sessions that cannot be used.
import { equal, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { Client, appOf, gate, request, valueOf, watched } from "./sessions-app.mjs";

describe("sessions that cannot be had", () => {
  it("S6_a_storage_that_fails_is_an_error_and_never_an_empty_session", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    const down = new Error("connection lost");
    for (const [method, work] of [
      ["get", (user) => user.get()],
      ["get", (user) => user.set({ other: 1 })],
      ["set", (user) => user.set({ other: 1 })],
    ]) {
      storage.instead[method] = () => Promise.reject(down);
      const error = await rejection(handler(request(client.cookie), async (user) => void (await work(user))));
      equal(error.code, "ERR_SESSION_STORAGE", method);
      equal(error.cause, down);
      delete storage.instead[method];
      same(await valueOf(client), { name: "Ada" });
    }
  });

  it("S6_a_logout_that_fails_halfway_is_an_error_and_the_session_is_no_more", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    const down = new Error("connection lost");
    storage.instead.invalidate = () => Promise.reject(down);
    const error = await rejection(handler(request(client.cookie), (user) => user.clear()));
    same([error.code, error.cause === down], ["ERR_SESSION_STORAGE", true]);
    const other = new Client(handler);
    other.cookie = client.cookie;
    equal(await valueOf(other), undefined);
    delete storage.instead.invalidate;
    await client.send((user) => user.clear());
    equal((await storage.memory.stats()).sessions, 0);
  });

  it("S6_an_application_that_goes_on_after_a_failed_load_gets_no_new_session", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    storage.instead.get = () => Promise.reject(new Error("down"));
    const response = await handler(request(client.cookie), async (user) => {
      await user.set({ other: 1 }).catch(() => {});
      return new Response("sorry", { status: 503 });
    });
    equal(response.status, 503);
    same(response.headers.getSetCookie(), []);
    equal(storage.calls.set, 1);
  });

  it("S6_a_storage_that_hangs_holds_up_no_other_session", async () => {
    const storage = watched();
    const { client, handler } = appOf(storage);
    await client.send((user) => user.set({ name: "Ada" }));
    const waits = gate();
    storage.instead.get = async (id) => {
      storage.instead.get = undefined;
      await waits.opened;
      return storage.memory.get(id);
    };
    const hanging = handler(request(client.cookie), (user) =>
      user.update((value) => ({ ...value, late: 1 })),
    );
    const other = new Client(handler);
    await other.send((user) => user.set({ name: "Bob" }));
    same(await valueOf(other), { name: "Bob" });
    waits.open();
    await hanging;
    same(await valueOf(client), { name: "Ada", late: 1 });
  });

  it("S7_what_cannot_be_used_is_reported_and_stays_as_it_is", async () => {
    const schema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) =>
          typeof value?.name === "string" ? { value } : { issues: [{ message: "has no name" }] },
      },
    };
    for (const [stored, reason] of [
      ["{not JSON", "damaged"],
      [new Uint8Array([0xff, 0xfe]), "damaged"],
      // JSON, but no value that a session can hold.
      ['{"name":"Ada","n":1e999}', "damaged"],
      [`{"name":"Ada","n":${"[".repeat(200)}${"]".repeat(200)}}`, "damaged"],
      ['{"nick":"Ada"}', "schema"],
      ["17", "schema"],
    ]) {
      const reports = [];
      const { client, handler, storage } = appOf(undefined, { schema, onInvalid: (it) => reports.push(it) });
      let id;
      await client.send(async (user) => {
        await user.set({ name: "Ada" });
        await user.commit();
        id = user.id;
      });
      await storage.set(id, stored);
      const response = await handler(request(client.cookie), async (user) => {
        equal(await user.get(), undefined);
        await user.set({ name: "Bob" });
      });
      same(
        reports.map((report) => [report.name, report.reason]),
        [["user", reason]],
      );
      equal(response.headers.getSetCookie()[0].includes(id), false, "the damaged session's id is sent");
      equal((await storage.get(id)).data.length, new Blob([stored]).size, "length of what is damaged");
    }
  });

  it("S7_a_value_that_the_schema_refuses_is_not_stored", async () => {
    const validate = async (value) => (value.n > 0 ? { value } : { issues: [{ message: "too small" }] });
    const schema = { "~standard": { version: 1, vendor: "test", validate } };
    const { client, handler } = appOf(undefined, { schema });
    await client.send((user) => user.set({ n: 1 }));
    const error = await rejection(
      handler(request(client.cookie), async (user) => void (await user.set({ n: 0 }))),
    );
    equal(error.code, "ERR_SESSION_INVALID_OPTION");
    same(await valueOf(client), { n: 1 });
  });
});
