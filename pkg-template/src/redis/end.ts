import type { Argument, Connection, Reply } from "./connection.js";
import { refusal } from "./refusal.js";
import { INVALIDATE } from "./scripts.js";

/** How a session ends. */
export interface End {
  /** The time of a clock that was given, or "". */
  readonly now: string;
  /** Of what takes the session's place. */
  readonly lineage: Argument;
  /** A tag that the session must carry, or "". */
  readonly tag: Argument;
}

/** Ends a session, and says whether there was one. After the caller's time it is not done, so that it ends none that is newer. */
export async function end(connection: Connection, key: string, how: End): Promise<boolean> {
  const until = connection.deadline();
  for (let attempt = 0; ; attempt += 1) {
    const deadline = connection.knownDeadline(until, key) ?? (await connection.serverDeadline(until, key));
    const args = [how.now, how.lineage, how.tag, String(deadline)];
    const reply = await connection.run(INVALIDATE, key, args, until);
    if (typeof reply === "number") return reply === 1;
    // As for a commit: what was estimated is wrong.
    connection.learn(Number((reply as readonly Reply[])[1]), key);
    if (attempt > 0 || performance.now() >= until) throw refusal("late");
  }
}
