export const median = (numbers) => quantile(numbers, 0.5);

export function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).sort();
  if (share !== 0.5) return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The median of each number in a list of equally shaped flat objects. */
export const medians = (rounds) =>
  Object.fromEntries(Object.keys(rounds[0]).map((key) => [key, median(rounds.map((round) => round[key]))]));
