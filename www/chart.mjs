// Bars beside each other: a drawing for the eye, with its numbers in the table next to it.
import { element } from "./dom.mjs";
import { perSecond } from "./text.mjs";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 34;

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * One panel: `bars` are `{ name, value, isOurs }`, each as long as its share of the largest. Widths are shares of the
 * panel's own, so that letters stay as large as they are on any screen.
 */
export function panel(title, bars) {
  const most = Math.max(...bars.map(({ value }) => value));
  const drawing = shape("svg", { width: "100%", height: bars.length * ROW, "aria-hidden": "true" });
  for (const [at, { name, value, isOurs }] of bars.entries()) {
    const top = at * ROW;
    drawing.append(
      shape(
        "g",
        { class: isOurs ? "ours" : "peer" },
        shape("text", { x: 0, y: top + 13 }, name),
        shape("text", { x: "100%", y: top + 13, "text-anchor": "end", class: "figure" }, perSecond(value)),
        shape("rect", { x: 0, y: top + 18, width: "100%", height: 8, rx: 4, class: "track" }),
        shape("rect", {
          x: 0,
          y: top + 18,
          width: `${(value / most) * 100}%`,
          height: 8,
          rx: 4,
          class: "bar",
        }),
      ),
    );
  }
  return element("figure", {}, element("figcaption", {}, title), drawing);
}
