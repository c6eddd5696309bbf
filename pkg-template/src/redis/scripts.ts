import { hash } from "./hash.js";
// Made by the build of the files in src/redis, which the crate shares.
import * as lua from "./lua.js";

/** A script that the server runs in one step. All of a session's keys lie in one slot of a cluster. */
export interface Script {
  readonly source: string;
  /** What the server knows it by once it has seen it. */
  readonly sha: string;
}

/** As `times.lua` has it: no write in pieces may last longer, in milliseconds. */
export const TOMBSTONE_MS = 3_600_000;

/** As `times.lua` has it: how long pieces stay after the last sign of life of who reads them, in milliseconds. */
export const GRACE_MS = 60_000;

export const COMMIT = script(lua.times, lua.record, lua.each, lua.commit);
export const REPLACE = script(lua.replace);
export const INVALIDATE = script(lua.times, lua.record, lua.invalidate);
export const TOUCH = script(lua.times, lua.record, lua.each, lua.touch);
export const BEGIN = script(lua.begin);
export const STAGE = script(lua.times, lua.stage);
export const HOLD = script(lua.times, lua.hold);
export const INDEX = script(lua.index);
export const UNINDEX = script(lua.times, lua.unindex);

function script(...parts: string[]): Script {
  const source = parts.join("\n");
  return { source, sha: hash("sha1", source, "hex") };
}
