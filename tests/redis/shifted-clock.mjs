// Imported before all else: this process takes it to be CLOCK_SHIFT milliseconds later than it is.
import process from "node:process";

const shift = Number(process.env.CLOCK_SHIFT);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + shift] : given));
  }

  static now() {
    return RealDate.now() + shift;
  }
};

const timeOrigin = performance.timeOrigin + shift;
Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin });
