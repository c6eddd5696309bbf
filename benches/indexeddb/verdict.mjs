// What the directory storage must reach in a browser's database, beside what was measured.
import { markdown, mebibytes, times } from "../measuring/report.mjs";

const OVER_IDLE = 24 * 1_048_576;

/** At least so many times as fast as the best of the peers. */
function target({ engine, way, operation }) {
  if (way === "in turn") return 1;
  if (operation === "read") return 1.5;
  return engine === "firefox" ? 3 : 5;
}

/** Each measurement's figures, as far as it was made. What was lost altogether has missed. */
export function verdict({ table = [], stream = [] }) {
  const rows = [];
  const row = (what, most, measured, reached) =>
    rows.push([what, most, measured, reached ? "reached" : "missed"]);
  for (const one of table) {
    const { engine, content, way, operation, ratio } = one;
    const least = target(one);
    row(`${engine}, ${content}, ${way}: ${operation}`, `≥ ${least} ×`, `${times(ratio)} ×`, ratio >= least);
  }
  for (const { engine, name, over } of stream) {
    const measured = Number.isNaN(over) ? "lost" : mebibytes(over);
    row(
      `${engine}: a large session, ${name}: over idle`,
      `≤ ${mebibytes(OVER_IDLE)}`,
      measured,
      over <= OVER_IDLE,
    );
  }
  console.log("\n## Verdict, beside the best of the peers at each\n");
  console.log(markdown(["what", "target", "measured", "verdict"], rows));
}
