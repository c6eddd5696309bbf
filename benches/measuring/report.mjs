export const times = (ratio) => ratio.toFixed(2);

export const mebibytes = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`;

/** A table that reads well as text, too. */
export function markdown(head, rows) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
