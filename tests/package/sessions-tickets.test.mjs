// What a client holds of its id: bare, signed or sealed, and beside what others have put there.
import { Sealer, SessionStorageMemory, Signer, cookie, header, sessions } from "sessile";
import { equal, matches, rejection, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";
import { Client, appOf, request, valueOf } from "./sessions-app.mjs";

const NEW = "the newest secret, of 32 or more bytes";
const OLD = "the older secret, of 32 or more bytes";
const inspect = globalThis.process?.getBuiltinModule?.("node:util").inspect ?? JSON.stringify;

describe("what a client holds of its id", () => {
  for (const [name, seal] of [
    ["S5_a_cookie_that_a_neighbour_has_put_before_ours_does_not_hide_a_signed_id", false],
    ["S5_a_cookie_that_a_neighbour_has_put_before_ours_does_not_hide_a_sealed_id", true],
  ]) {
    it(name, async () => {
      const { client, handler } = appOf(undefined, { secrets: [NEW], seal });
      await client.send((user) => user.set({ name: "Ada" }));
      const foreign = new Signer(["another secret, of 32 bytes or more"]).sign("an id");
      for (const junk of ["junk", "", `%${foreign}`, encodeURIComponent(foreign)]) {
        const both = new Client(handler);
        both.cookie = `user=${junk}; other=1; user="${junk}";${client.cookie}; user=more`;
        const seen = await handler(request(both.cookie), async (user) =>
          same(await user.get(), { name: "Ada" }),
        );
        same(seen.headers.getSetCookie(), []);
      }
      const many = `${"user=junk; ".repeat(20)}${client.cookie}`;
      await handler(request(many), async (user) => equal(await user.get(), undefined));
      const late = new Client(handler);
      late.cookie = `user=junk; ${client.cookie}`;
      await late.send((user) => user.clear());
      equal(await valueOf(client), undefined);
    });
  }

  it("S3_an_id_that_is_not_signed_is_the_first_and_no_other", async () => {
    const { client, handler } = appOf();
    await client.send((user) => user.set({ name: "Ada" }));
    await handler(request(`user=junk; ${client.cookie}`), async (user) => equal(await user.get(), undefined));
  });

  it("is sealed where it shall say nothing, and bound to its name", async () => {
    const storage = new SessionStorageMemory();
    const { client, handler } = appOf(storage, { secrets: [NEW, OLD], seal: true });
    let id;
    await client.send(async (user) => {
      await user.set({ name: "Ada" });
      await user.commit();
      id = user.id;
    });
    const ticket = client.cookie.slice("user=".length);
    equal(ticket.includes(id), false);
    same(new Sealer([NEW]).open("user", ticket).data, new TextEncoder().encode(id));
    same(await valueOf(client), { name: "Ada" });
    for (const given of [id, `s:${id}`, new Signer([NEW]).sign(id), new Sealer([NEW]).seal("cart", id)]) {
      const other = new Client(handler);
      other.cookie = `user=${encodeURIComponent(given)}`;
      equal(await valueOf(other), undefined);
      equal(other.cookie, undefined);
    }
    const older = new Client(handler);
    older.cookie = `user=${new Sealer([OLD]).seal("user", id)}`;
    const before = older.cookie;
    same(await valueOf(older), { name: "Ada" });
    equal(older.cookie === before, false);
    equal(new Sealer([NEW]).open("user", older.cookie.slice("user=".length))?.byNewest, true);
    // What was sealed, but is no text, is no id.
    const bytes = new Client(handler);
    bytes.cookie = `user=${new Sealer([NEW]).seal("user", Uint8Array.of(0xff, 0xfe))}`;
    equal(await valueOf(bytes), undefined);
    await client.send((user) => user.clear());
    equal((await storage.stats()).sessions, 0);
  });

  it("is sealed in a header too", async () => {
    const app = sessions({
      user: header("X-User", new SessionStorageMemory(), { secrets: [NEW], seal: true }),
    });
    const handler = app.fetch(async (_, { user }, work) => (await work(user), new Response()));
    const made = await handler(request(), (user) => user.set({ n: 1 }));
    const ticket = made.headers.get("x-user");
    equal(new Sealer([NEW]).open("X-User", ticket)?.byNewest, true);
    await handler(request(undefined, undefined, { "x-user": ticket }), async (user) =>
      same(await user.get(), { n: 1 }),
    );
  });

  it("is not sealed without secrets, or with ones that can be guessed", async () => {
    const make = (options) => () => cookie("user", new SessionStorageMemory(), options);
    for (const options of [
      { seal: true },
      { seal: "yes", secrets: [NEW] },
      { seal: true, secrets: ["short"] },
    ]) {
      const error = await rejection(Promise.resolve().then(make(options)));
      equal(error.code, "ERR_SESSION_INVALID_OPTION");
    }
  });

  it("C8_neither_secrets_nor_ids_nor_contents_show_in_what_is_logged", async () => {
    for (const seal of [false, true]) {
      const definition = cookie("user", new SessionStorageMemory(), { secrets: [NEW, OLD], seal });
      const sealed = cookie("cart", { secrets: [NEW] });
      const app = sessions({ user: definition, cart: sealed });
      const shown = [];
      const handler = app.fetch(async (_, all) => {
        await all.user.set({ name: "Ada Lovelace" });
        await all.cart.set({ name: "Ada Lovelace" });
        await all.user.commit();
        shown.push([all.user.id], [all, all.user, all.cart]);
        return new Response();
      });
      await handler(request());
      const [[id], held] = shown;
      matches(id, /^[\w-]{43}$/);
      const signer = new Signer([NEW]);
      signer.sign("an id");
      for (const one of [definition, sealed, app, signer, new Sealer([NEW]), ...held]) {
        const text = inspect(one, { depth: Infinity, showHidden: true });
        for (const secret of [NEW, OLD, "Ada", id])
          equal(text.includes(secret), false, `${one.constructor?.name}`);
      }
    }
  });
});
