// A folder of many sessions, of which a tenth has expired by now: for the sweep.
import { sessionStock } from "../measuring/sessions.mjs";

const BYTES = 1_024;
const STOCK = 500;
const HOUR = 3_600_000;
export const EVERY = 10;

export const idOf = (index) => `session ${index}`;
export const isExpired = (index) => index % EVERY === 0;

/** In a fresh process: answers with the seconds that it took. */
export async function measure({ folder, count }) {
  const { DirectoryStorage } = await import("sessile");
  const values = sessionStock(BYTES, BYTES, STOCK);
  // An hour ago none of them had expired, so what writes sweep by themselves leaves them all there.
  const then = Date.now() - HOUR;
  const storage = new DirectoryStorage(folder, { io: "sync", clock: () => then });
  const start = performance.now();
  for (let index = 0; index < count; index += 1) {
    const idleTimeout = isExpired(index) ? "1m" : "30d";
    await storage.setJson(idOf(index), values[index % STOCK], { idleTimeout });
  }
  await storage.close();
  return (performance.now() - start) / 1_000;
}
