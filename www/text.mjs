// Numbers as people read them.

const units = ["B", "kB", "MB", "GB", "TB"];

export function size(bytes) {
  let unit = 0;
  let number = bytes;
  for (; number >= 999.5 && unit < units.length - 1; unit += 1) number /= 1000;
  const digits = unit === 0 || number >= 99.5 ? 0 : 1;
  return `${number.toLocaleString("en", { minimumFractionDigits: 0, maximumFractionDigits: digits })} ${units[unit]}`;
}

export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** What is left of a time: `0:07`, `29:41`, `3 h 12 min`, `6 d 23 h`. */
export function timeLeft(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1_000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days.toLocaleString("en")} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long something took. */
export const took = (milliseconds) =>
  milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;

/** A moment of today by its time, another by its date too. */
export function moment(time, now) {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date(now).toDateString();
  return date.toLocaleString(
    "en-GB",
    isToday ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" },
  );
}

/** A calls-per-second figure with no more digits than it is worth. */
export function perSecond(number) {
  const digits = Math.max(0, Math.floor(Math.log10(Math.max(number, 1))) - 1);
  return (Math.round(number / 10 ** digits) * 10 ** digits).toLocaleString("en");
}
