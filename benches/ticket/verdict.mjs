// What tickets must reach, beside what was measured.
import { markdown, times } from "../measuring/report.mjs";
import { COOKIE_SIGNATURE } from "./makers.mjs";

const MICROS = 1;

/** By the processor's time: on a machine that others use too, it says how much work a call is. */
export function verdict({ ratios, checkMicros }) {
  const { check } = ratios.find(({ other }) => other === COOKIE_SIGNATURE);
  const word = (reached) => (reached ? "reached" : "missed");
  console.log("\n## Verdict\n");
  console.log(
    markdown(
      ["what", "target", "measured", "verdict"],
      [
        [
          "verify of a signed id",
          `≤ ${MICROS} µs`,
          `${checkMicros.toFixed(2)} µs (CPU)`,
          word(checkMicros <= MICROS),
        ],
        ["verify beside cookie-signature", "≥ 1 ×", `${times(check)} ×`, word(check >= 1)],
      ],
    ),
  );
}
