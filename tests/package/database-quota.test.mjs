// A page that may keep little more than `settings.quota` bytes.
import { DirectoryStorage } from "sessile";
import { clearSite, keysIn, nameDatabase, removeDatabase } from "./databases.mjs";
import { equal, rejection } from "./expect.mjs";
import { describe, it, settings } from "./harness.mjs";

const HOUR = 60 * 60 * 1_000;
const SMALL = 60 * 1024;
const LARGE = 2 * 1024 * 1024;
const PIECE = 64 * 1024;
/** In which a content lies that is too large for its record. */
const CHUNK = 32 * 1024;

/** Bytes that no engine makes smaller, which tell whose they are. */
function content(number, length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

const numberOf = (found) => found && new DataView(found.data.buffer).getUint32(0);

async function stream(storage, id, length) {
  await storage.write(id, async (channel) => {
    const writer = channel.getWriter();
    for (let at = 0; at < length; at += PIECE) await writer.write(content(1, PIECE));
  });
}

/** Sets sessions until the first is refused; answers how many there are. */
async function fill(storage, length) {
  const most = (4 * settings.quota) / length;
  for (let number = 0; number < most; number += 1) {
    try {
      await storage.set(`session ${number}`, content(number, length));
    } catch (error) {
      equal(error.code, "ERR_SESSION_QUOTA", `code of "${error.message}"`);
      return number;
    }
  }
  throw new Error(`${most} sessions of ${length} bytes found room in ${settings.quota} bytes`);
}

/** Sweeps until nothing is left that has expired. What cannot be removed for want of room is removed by a later sweep. */
async function sweepAll(storage) {
  for (let sweeps = 0, removed = 1; removed > 0; sweeps += 1) {
    if (sweeps === 100) throw new Error("sweeps find no end");
    removed = await storage.sweep().catch((error) => {
      equal(error.code, "ERR_SESSION_QUOTA", `code of "${error.message}"`);
      return 1;
    });
  }
}

/** Whether an engine uses again what has become free in a database; others do so later, or once all of it is cleared. */
const usesAgain = navigator.userAgent.includes("Firefox");

/** Resolves when there are no chunks but those of these sessions: what is given up is cleared behind the failure. */
async function cleared(name, expected) {
  while ((await keysIn(name)).chunks.length !== expected) await undefined;
}

// Each durability on a page of its own: what one frees, an engine may count for a while.
const { durability } = settings;

describe(`a full database, ${durability}`, () => {
  const name = nameDatabase();
  let now = Date.now();
  const open = () => new DirectoryStorage(name, { durability, idleTimeout: HOUR, clock: () => now });
  let storage = open();
  let count;

  it("refuses what finds no room, and keeps what is there", async () => {
    await storage.set("kept", content(7, SMALL));
    await stream(storage, "kept large", LARGE);
    count = await fill(storage, SMALL);
    equal(count > 4, true, `more than a few of them (${count}) find room`);
    equal(await storage.get(`session ${count}`), undefined, "the one that was refused");
    for (let number = 0; number < count; number += 1) {
      equal(numberOf(await storage.get(`session ${number}`)), number, "content");
    }
  });

  it("leaves a session as it was whose new content finds no room, whole or as a stream", async () => {
    for (const call of [
      () => storage.set("kept", content(8, settings.quota)),
      () => stream(storage, "kept", 4 * settings.quota),
      () => stream(storage, "new", 4 * settings.quota),
    ]) {
      const error = await rejection(call());
      equal(error.code, "ERR_SESSION_QUOTA", `code of "${error.message}"`);
    }
    equal(numberOf(await storage.get("kept")), 7, "content");
    equal(await storage.get("new"), undefined, "what was never whole");
    const large = await storage.get("kept large");
    equal(large.data.length, LARGE, "the length of a large content");
    await cleared(name, LARGE / CHUNK);
  });

  it("lets each of many calls at once succeed that finds room", async () => {
    const calls = Array.from({ length: 8 }, (_, number) =>
      storage.set(`small ${number}`, number === 3 ? content(number, settings.quota) : content(number, 100)),
    );
    const settled = await Promise.allSettled(calls);
    equal(settled[3].reason?.code, "ERR_SESSION_QUOTA", "code of the one that is too large");
    for (const [number, { status, reason }] of settled.entries()) {
      const found = await storage.get(`small ${number}`);
      equal(numberOf(found), status === "fulfilled" ? number : undefined, "content");
      if (status === "rejected") equal(reason.code, "ERR_SESSION_QUOTA", `code of "${reason.message}"`);
    }
  });

  it("takes sessions again once others have expired", async () => {
    now += 2 * HOUR;
    await sweepAll(storage);
    for (let number = 0; number < count; number += 1) {
      equal(await storage.get(`session ${number}`), undefined, "a session that has expired");
    }
    const refused = await storage.set("kept", content(9, SMALL)).then(
      () => undefined,
      (error) => error,
    );
    if (refused !== undefined || !usesAgain) {
      if (refused !== undefined) equal(refused.code, "ERR_SESSION_QUOTA", `code of "${refused.message}"`);
      equal(usesAgain, false, "whether the room is used again");
      await storage.close();
      await clearSite();
      storage = open();
      await storage.set("kept", content(9, SMALL));
    }
    equal(numberOf(await storage.get("kept")), 9, "content");
    await stream(storage, "new", LARGE / 2);
    equal((await storage.get("new")).data.length, LARGE / 2, "the length of a stream");
    await storage.close();
    await removeDatabase(name);
  });
});
