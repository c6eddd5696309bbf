// A session's content on its way out of the page.
import { refuseList } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { drain } from "./streams.mjs";
import { transfer } from "./transfers.mjs";

/** Streams a session into a target, with a bar. A failure leaves the target as it was. */
export async function sendOut(id, target) {
  try {
    refuseList(id);
    await storage.read(id, (channel, { byteLength = 0 }) =>
      transfer(`Out: ${id}`, byteLength, async (passed, signal) => {
        const take = async (piece) => {
          await target.write(piece);
          passed(piece.length);
        };
        await drain(channel, take, signal);
        signal.throwIfAborted();
        await target.close();
      }),
    );
  } catch (error) {
    await target.giveUp();
    throw error;
  }
}
