// What the first release must reach, beside what was measured.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { markdown, mebibytes, times } from "../measuring/report.mjs";

const AGAINST_FLOOR = 0.9;
const AGAINST_EXPRESS = 1.25;
const GROWING = 1.5;
const PAUSE_SHARE = 1 / 4;
const BESIDE_SESSION = 16 * 1_048_576;
const GZIPPED = 167_000;

/** Each measurement's figures, as far as it was made. */
export function verdict({ table, insert, million, stream, import: importing }) {
  const rows = [];
  const row = (what, target, measured, reached) =>
    rows.push([what, target, measured, reached ? "reached" : "missed"]);
  const atLeast = (what, target, ratio) =>
    row(what, `≥ ${target} ×`, `${times(ratio.wall)} × (CPU ${times(ratio.cpu)})`, ratio.wall >= target);

  if (table) {
    const calls = { insert: "setJson, insert", read: "getJson", overwrite: "setJson, overwrite" };
    for (const { operation, floor, express } of table) {
      atLeast(`${calls[operation]}, 1 KB, beside the Map`, AGAINST_FLOOR, floor);
      atLeast(`${calls[operation]}, 1 KB, beside express-session`, AGAINST_EXPRESS, express);
    }
  }
  if (insert) atLeast("inserts of 1 KB into an empty storage, beside the Map", GROWING, insert);
  if (million) {
    const { sessile, lru } = million;
    const most = lru.gcLongest * PAUSE_SHARE;
    row(
      "many live sessions: longest GC pause, lru-cache's quarter",
      `≤ ${most.toFixed(1)} ms`,
      `${sessile.gcLongest.toFixed(1)} ms`,
      sessile.gcLongest <= most,
    );
    row(
      "many live sessions: bytes per session, lru-cache's",
      `≤ ${lru.bytes.toFixed(0)}`,
      sessile.bytes.toFixed(0),
      sessile.bytes <= lru.bytes,
    );
  }
  if (stream) {
    const { beside } = stream;
    const most = mebibytes(BESIDE_SESSION);
    row("large session streamed: memory beside it", `≤ ${most}`, mebibytes(beside), beside <= BESIDE_SESSION);
  }
  const size = gzipSync(readFileSync(fileURLToPath(import.meta.resolve("sessile/sessile.wasm")))).length;
  row("wasm, gzipped", `≤ ${GZIPPED / 1_000} kB`, `${(size / 1_000).toFixed(1)} kB`, size <= GZIPPED);
  if (importing) {
    const { node, workerd } = importing;
    row("import to first session, Node", "measured", `${node.toFixed(1)} ms`, Number.isFinite(node));
    row("import to first session, workerd", "measured", `${workerd.toFixed(1)} ms`, Number.isFinite(workerd));
  }
  console.log("\n## Verdict\n");
  console.log(markdown(["what", "target", "measured", "verdict"], rows));
}
