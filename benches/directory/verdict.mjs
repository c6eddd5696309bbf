// What the directory storage must reach in a folder, beside what was measured.
import { markdown, mebibytes, times } from "../measuring/report.mjs";

/** At least so many times as fast as the peer: writes of any kind, and reads. */
const SPEED = {
  "one after another": { fileStore: { write: 6, read: 4 }, unstorage: { write: 1.5, read: 2 } },
  "32 at a time": { fileStore: { write: 5, read: 1.2 }, unstorage: { write: 1, read: 1.2 } },
};
const PEERS = { fileStore: "session-file-store", unstorage: "unstorage fs" };
const OPERATIONS = {
  first: "write into an empty folder",
  insert: "insert",
  overwrite: "overwrite",
  read: "read",
};
const OVER_IDLE = 24 * 1_048_576;
const STEPS = { writing: "in", reading: "out, into a buffer of one's own", readingChunks: "out, in chunks" };
const LOOKED_AT = 1_024;
const LIVE = 2;

/** Each measurement's figures, as far as it was made. */
export function verdict({ table, stream, sweep }) {
  const rows = [];
  const row = (what, target, measured, reached) =>
    rows.push([what, target, measured, reached ? "reached" : "missed"]);
  for (const peer of table ? Object.keys(PEERS) : []) {
    for (const { way, operation, [peer]: ratio } of table) {
      const target = SPEED[way][peer][operation === "read" ? "read" : "write"];
      const what = `${OPERATIONS[operation]}, ${way}, beside ${PEERS[peer]}`;
      row(what, `≥ ${target} ×`, `${times(ratio)} ×`, ratio >= target);
    }
  }
  if (stream) {
    for (const [step, name] of Object.entries(STEPS)) {
      const most = mebibytes(OVER_IDLE);
      row(
        `large session ${name}: over idle`,
        `≤ ${most}`,
        mebibytes(stream[step]),
        stream[step] <= OVER_IDLE,
      );
    }
  }
  if (sweep) {
    const { count, left, looked, ratios } = sweep;
    row(
      `${count} files: records that one sweep() looks at`,
      `≤ ${LOOKED_AT}`,
      `${looked}`,
      looked <= LOOKED_AT,
    );
    row(`${count} files: expired ones left after all were looked at`, "0", `${left}`, left === 0);
    for (const { call, idle, swept } of ratios) {
      const measured = `${times(swept / idle)} × (${swept.toFixed(2)} ms, ${idle.toFixed(2)} ms)`;
      row(
        `${count} files: p99 of ${call} beside the sweep`,
        `< ${LIVE} × idle`,
        measured,
        swept < LIVE * idle,
      );
    }
  }
  console.log("\n## Verdict\n");
  console.log(markdown(["what", "target", "measured", "verdict"], rows));
}
