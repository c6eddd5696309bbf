// All sessions that carry a tag, listed and ended together.
import { now } from "./clock.mjs";
import { byId, element, onSubmit } from "./dom.mjs";
import { told } from "./outcome.mjs";
import { invalidateTagged } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { count, moment, size } from "./text.mjs";

/** Nobody reads a longer table. */
const MOST = 200;

export function startTags() {
  const form = byId("tagged");
  const outcome = byId("tagged-outcome");
  const actions = { list, invalidate };
  onSubmit(form, (action) => told(outcome, () => actions[action || "list"](form.elements.tag.value.trim())));
}

async function list(tag) {
  const found = [];
  let number = 0;
  for await (const info of storage.listTagged(tag)) {
    number += 1;
    if (number <= MOST) found.push(info);
  }
  show(found);
  return number > MOST
    ? `${count(number, "session")}; the first ${MOST} are shown.`
    : `${count(number, "session")}.`;
}

async function invalidate(tag) {
  const ended = await invalidateTagged(tag);
  show([]);
  return `${count(ended, "session")} invalidated, for good.`;
}

function show(infos) {
  const cells = ({ createdAt, byteLength, revision, tags }) =>
    [moment(createdAt, now()), size(byteLength ?? 0), tags.join(", "), revision].map((text) =>
      element("td", {}, element("bdi", {}, text)),
    );
  byId("tagged-rows").replaceChildren(...infos.map((info) => element("tr", {}, ...cells(info))));
  byId("tagged-table").hidden = infos.length === 0;
}
