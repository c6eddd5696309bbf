// A tab or a worker that works on the sessions of a database until its browser is killed, and tells what it does; and what
// looks at them afterwards. The address says how: `?entry=…&name=…&durability=…&reports=…&life=…`.
//
// Of each session there is a number that grows:
//   own-NAME      its writer's alone, one after another, every fourth as a stream
//   shared        everybody's: each write is conditional on the revision that it follows
//   life-NAME     its writer's alone: written, invalidated, and written again with the next number
//   refused-NAME  only ever written by writes that fail; its number must stay what it was at first
import { contentOf, whatIs } from "./database-content.mjs";

const DATABASE = "crash";
/** More than the day for which leftovers are kept, and the hour for tombstones. */
const LATER = 25 * 60 * 60 * 1_000;
const MOST_SWEEPS = 100;

async function write({ entry, name, durability, reports, life }) {
  const { DirectoryStorage } = await import(entry);
  const storage = new DirectoryStorage(DATABASE, { durability });
  const tell = reporter(reports, { name, durability, life: Number(life) });
  const lanes = [own, shared, lives, refused].map((lane) => lane({ storage, name, tell, durability }));
  // A storage that was opened by its first call.
  await storage.get("nothing");
  tell({ ready: true });
  const failed = (error) => tell({ failure: `${error.code}: ${error.message}` });
  await Promise.all(lanes.map((lane) => lane().catch(failed)));
}

/** Sends what there is, while what comes meanwhile gathers. */
function reporter(url, who) {
  let lines = [];
  let isSending = false;
  const send = async () => {
    isSending = true;
    while (lines.length > 0) {
      const body = JSON.stringify(lines);
      lines = [];
      await fetch(url, { method: "POST", body });
    }
    isSending = false;
  };
  return (line) => {
    lines.push({ ...who, ...line });
    if (!isSending) void send();
  };
}

const lengthOf = (number) =>
  number % 4 === 3 ? 100_000 + ((number * 7_919) % 200_000) : (number * 131) % 4_000;

/** Writes a content: a large one as a stream. */
async function put(storage, id, what, options) {
  const bytes = contentOf({ id, ...what }, lengthOf(what.number));
  if (bytes.length < 50_000) return storage.set(id, bytes, options);
  return storage.write(
    id,
    async (channel) => {
      const writer = channel.getWriter();
      for (let at = 0; at < bytes.length; at += 50_000) await writer.write(bytes.subarray(at, at + 50_000));
    },
    options,
  );
}

async function numberIn(storage, id) {
  const found = await storage.get(id);
  return found === undefined ? 0 : whatIs(found.data).number;
}

function own({ storage, name, tell }) {
  const id = `own-${name}`;
  return async () => {
    for (let number = 1 + (await numberIn(storage, id)); ; number += 1) {
      await put(storage, id, { by: name, number }, { tags: [`own-${number % 2}`] });
      tell({ id, number });
    }
  };
}

function shared({ storage, name, tell }) {
  const id = "shared";
  return async () => {
    for (;;) {
      const found = await storage.get(id);
      const what = found && whatIs(found.data);
      if (found !== undefined && what === undefined) tell({ torn: id });
      const number = 1 + (what?.number ?? 0);
      try {
        await put(storage, id, { by: name, number }, { ifRevision: found?.info.revision ?? null });
        tell({ id, number });
      } catch (error) {
        if (error.code !== "ERR_SESSION_CONFLICT")
          tell({ failure: `${id}: ${error.code}: ${error.message}` });
      }
    }
  };
}

function lives({ storage, name, tell }) {
  const id = `life-${name}`;
  return async () => {
    for (let number = 1 + (await numberIn(storage, id)); ; number += 1) {
      await put(storage, id, { by: name, number }, { tags: ["life"] });
      tell({ id, number });
      if (number % 3 === 0) continue;
      await storage.invalidate(id);
      tell({ id, invalidated: number });
    }
  };
}

function refused({ storage, name, tell }) {
  const id = `refused-${name}`;
  const no = async () => {
    throw new Error("as it should");
  };
  return async () => {
    if ((await storage.get(id)) === undefined) await put(storage, id, { by: name, number: 1 });
    for (let number = 2; ; number += 1) {
      const bytes = contentOf({ id, by: name, number }, lengthOf(number));
      const half = async (channel) => {
        await channel.getWriter().write(bytes);
        await no();
      };
      const attempt =
        number % 2 === 0 ? storage.write(id, half) : storage.set(id, bytes, { ifRevision: null });
      await attempt.then(
        () => tell({ failure: `${id}: a write that has to fail did not` }),
        () => undefined,
      );
      tell({ tried: id });
    }
  };
}

/** What a fresh storage finds: of each session what it is, or that it is torn; and which are listed by their tags. */
export async function survey(entry) {
  const { DirectoryStorage } = await import(entry);
  const storage = new DirectoryStorage(DATABASE);
  const found = {};
  const listed = {};
  const names = ["a", "b", "c", "d"];
  const ids = [
    "shared",
    ...["own", "life", "refused"].flatMap((kind) => names.map((name) => `${kind}-${name}`)),
  ];
  for (const id of ids) {
    try {
      const session = await storage.get(id);
      if (session === undefined) continue;
      const { revision, tags } = session.info;
      found[id] = { what: whatIs(session.data) ?? "torn", revision, tags };
    } catch (error) {
      found[id] = { what: "torn", why: `${error.code}: ${error.message}`, tags: [] };
    }
  }
  for (const tag of ["own-0", "own-1", "life"]) {
    listed[tag] = [];
    for await (const info of storage.listTagged(tag)) listed[tag].push(info.revision);
  }
  const { sessions } = await storage.stats();
  await storage.close();
  return { found, listed, sessions };
}

/** Sweeps until nothing is left to clear, at a time when all of it may go; and tells what lies in each store then. */
export async function sweep(entry) {
  const before = await survey(entry);
  const { DirectoryStorage } = await import(entry);
  const { now } = Date;
  Date.now = () => now.call(Date) + LATER;
  const storage = new DirectoryStorage(DATABASE);
  for (let sweeps = 0; sweeps < MOST_SWEEPS; sweeps += 1) await storage.sweep();
  await storage.close();
  Date.now = now;
  const after = await survey(entry);
  return { before, after, stored: await stored() };
}

const resultOf = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** How many entries each store has, and how many chunks there are of each name. */
async function stored() {
  const database = await resultOf(indexedDB.open(DATABASE));
  const counts = {};
  const transaction = database.transaction([...database.objectStoreNames]);
  for (const name of database.objectStoreNames) {
    counts[name] = await resultOf(transaction.objectStore(name).count());
  }
  database.close();
  return counts;
}

// At the end, where all of the above is there. A worker is told by its own address, a tab by that of its page.
const parameters = new URL(import.meta.url).searchParams;
const given = parameters.has("entry") ? parameters : new URLSearchParams(globalThis.location?.search ?? "");
if (given.has("entry")) await write(Object.fromEntries(given));
