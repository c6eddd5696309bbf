// The stores that are compared over a folder, each imported when it is opened, so that a process holds only the code
// that it measures. Those that can expire sessions are told to: few keep them for ever.
import { join } from "node:path";

const LIFETIME = 30 * 60 * 1000;

export const SESSILE = "sessile";
export const FILE_STORE = "session-file-store";
export const UNSTORAGE = "unstorage fs";

const OPENERS = {
  [SESSILE]: (folder) => sessile(folder, {}),
  "sessile, io sync": (folder) => sessile(folder, { io: "sync" }),
  "sessile, io async": (folder) => sessile(folder, { io: "async" }),
  "sessile, strict": (folder) => sessile(folder, { durability: "strict" }),

  // It waits until each file, though not its name, is on the disk, and has no option for less.
  async [FILE_STORE](folder) {
    const { default: session } = await import("express-session");
    const { default: fileStore } = await import("session-file-store");
    const store = new (fileStore(session))({
      path: folder,
      ttl: LIFETIME / 1_000,
      reapInterval: -1,
      logFn() {},
    });
    return {
      set: (id, value) =>
        new Promise((resolve, reject) => {
          store.set(id, value, (error) => (error ? reject(error) : resolve()));
        }),
      get: (id) =>
        new Promise((resolve, reject) => {
          store.get(id, (error, value) => (error ? reject(error) : resolve(value)));
        }),
    };
  },

  // A reader may meet a file that is half written.
  async [UNSTORAGE](folder) {
    const { createStorage } = await import("unstorage");
    const { default: fs } = await import("unstorage/drivers/fs");
    const storage = createStorage({ driver: fs({ base: folder }) });
    return {
      set: (id, value) => storage.setItem(id, value),
      get: (id) => storage.getItem(id),
      close: () => storage.dispose(),
    };
  },

  // The floor: what anybody would write who needs no expiry, no conditions and no second process.
  async "temp + rename"(folder) {
    const { readFile, rename, writeFile } = await import("node:fs/promises");
    let count = 0;
    return {
      async set(id, value) {
        const temporary = join(folder, `${(count += 1)}.tmp`);
        await writeFile(temporary, JSON.stringify(value));
        await rename(temporary, join(folder, id));
      },
      get: async (id) => JSON.parse(await readFile(join(folder, id), "utf8")),
    };
  },

  async "temp + rename, sync"(folder) {
    const { readFileSync, renameSync, writeFileSync } = await import("node:fs");
    let count = 0;
    return {
      async set(id, value) {
        const temporary = join(folder, `${(count += 1)}.tmp`);
        writeFileSync(temporary, JSON.stringify(value));
        renameSync(temporary, join(folder, id));
      },
      get: async (id) => JSON.parse(readFileSync(join(folder, id), "utf8")),
    };
  },
};

export const STORES = Object.keys(OPENERS);

export const openStore = (name, folder) => OPENERS[name](folder);

async function sessile(folder, options) {
  const { DirectoryStorage } = await import("sessile");
  const storage = new DirectoryStorage(folder, { idleTimeout: LIFETIME, ...options });
  return {
    set: (id, value) => storage.setJson(id, value),
    get: (id) => storage.getJson(id),
    close: () => storage.close(),
  };
}
