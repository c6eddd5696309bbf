// `sessile/import` with a folder that session-file-store itself has written.
import session from "express-session";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryStorage, Signer, cookie, sessions } from "sessile";
import { importSessions, sessionFileStoreLayout } from "sessile/import";
import fileStore from "session-file-store";
import { equal, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

const SECRET = "the secret of the application, of 32 or more bytes";

describe("a folder of session-file-store", () => {
  it("is taken over, and whoever was logged in still is", async () => {
    const place = mkdtempSync(join(tmpdir(), "sessile-import-"));
    try {
      const path = join(place, "old");
      const store = new (fileStore(session))({ path, ttl: 3_600, reapInterval: -1, logFn: () => {} });
      const set = (id, value) =>
        new Promise((resolve, reject) => {
          const held = { cookie: { originalMaxAge: 3_600_000, httpOnly: true, path: "/" }, ...value };
          store.set(id, held, (error) => (error ? reject(error) : resolve()));
        });
      const ids = Array.from({ length: 20 }, (_, index) => `id-${index}-${"x".repeat(20)}`);
      for (const [index, id] of ids.entries()) await set(id, { user: index, cart: ["ü", null] });

      const storage = new DirectoryStorage(join(place, "new"));
      same(await importSessions(storage, sessionFileStoreLayout(path)), { imported: 20, skipped: 0 });
      for (const [index, id] of ids.entries()) {
        const { user, cart } = await storage.getJson(id);
        same({ user, cart }, { user: index, cart: ["ü", null] });
        const { idleTimeout, expiresAt } = await storage.info(id);
        equal(idleTimeout, 3_600_000);
        equal(expiresAt > Date.now() && expiresAt <= Date.now() + 3_600_000, true, `ends at ${expiresAt}`);
      }

      const app = sessions({ user: cookie("connect.sid", storage, { secrets: [SECRET] }) });
      const handler = app.fetch(async (_, { user }) => Response.json((await user.get())?.user ?? null));
      const held = encodeURIComponent(new Signer([SECRET]).sign(ids[7]));
      const request = new Request("http://localhost/", { headers: { cookie: `connect.sid=${held}` } });
      equal(await (await handler(request)).json(), 7);
      await storage.close();
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });
});
