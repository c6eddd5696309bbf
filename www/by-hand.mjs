// The form: one session written, read and ended by hand, with everything that a write may ask for.
import { generateSessionId } from "sessile";
import { byId, onSubmit } from "./dom.mjs";
import { told } from "./outcome.mjs";
import { sendOut } from "./out.mjs";
import { invalidate, PageError, refuseList, touch, write } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { fill } from "./streams.mjs";
import { canChoose, chosenFile, download } from "./targets.mjs";
import { size } from "./text.mjs";
import { transfer } from "./transfers.mjs";
import { beginEditing, showInfo, showSession } from "./viewer.mjs";

let form;
let outcome;

const actions = {
  write: writeIt,
  read: () => read(id()),
  info: async () => {
    const info = await showInfo(id());
    if (!info) return "There is no such session.";
    form.elements.revision.value = info.revision;
    return undefined;
  },
  touch: async () =>
    (await touch(id())) ? "Touched: its idle time begins anew." : "There is no such session.",
  invalidate: async () =>
    (await invalidate(id()))
      ? "Invalidated, for good."
      : "There was no session; none can come back now either.",
  download: () => sendOut(id(), download(id())),
  save: async () => {
    const asked = id();
    await sendOut(asked, await chosenFile(asked));
  },
};

export function startByHand() {
  form = byId("by-hand");
  outcome = byId("hand-outcome");
  onSubmit(form, (action) => told(outcome, actions[action || "write"]));
  byId("new-id").addEventListener("click", () => {
    form.elements.id.value = generateSessionId();
  });
  byId("save").hidden = !canChoose;
  for (const choice of form.elements.kind) choice.addEventListener("change", showKind);
  form.elements.condition.addEventListener("change", showCondition);
  byId("edit").addEventListener("click", edit);
  showKind();
  showCondition();
}

/** Puts an id into the form and reads its session. */
export function open(asked) {
  form.elements.id.value = asked;
  form.scrollIntoView({ block: "nearest" });
  return told(outcome, () => read(asked));
}

async function read(asked) {
  const { revision } = await showSession(asked);
  form.elements.revision.value = revision;
}

function id() {
  const given = form.elements.id.value;
  refuseList(given);
  if (given === "") throw new PageError("Give an id first.");
  return given;
}

async function writeIt() {
  const { kind, content, file } = form.elements;
  const options = writeOptions();
  const [chosen] = kind.value === "file" ? file.files : [];
  if (kind.value === "file" && !chosen) throw new PageError("Choose a file first.");
  // Whoever gives no id gets one: a file's name, or a new one that nobody can guess.
  form.elements.id.value ||= chosen ? chosen.name : generateSessionId();
  const info = await write(id(), (target) =>
    chosen ? bringIn(target, chosen, options) : storage.set(target, content.value, options),
  );
  if (info) form.elements.revision.value = info.revision;
  return info
    ? `Written: ${size(info.byteLength ?? 0)}, revision ${info.revision}.`
    : "Written, and gone since.";
}

/** A file goes in as a stream; until it has ended, and if it is given up, the session is as it was. */
function bringIn(target, file, options) {
  return transfer(`In: ${file.name}`, file.size, (passed, signal) =>
    storage.write(target, (channel) => fill(channel, file.stream(), passed), { ...options, signal }),
  );
}

function writeOptions() {
  const { idle, absolute, tags, keepTags, condition, revision } = form.elements;
  const options = { idleTimeout: timeout(idle.value), absoluteTimeout: timeout(absolute.value) };
  if (!keepTags.checked)
    options.tags = tags.value
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean);
  if (condition.value === "absent") options.ifRevision = null;
  if (condition.value === "revision") options.ifRevision = revision.value.trim();
  return options;
}

/** Empty: as it was. The storage checks everything else, and says what it takes. */
function timeout(text) {
  const asked = text.trim();
  if (asked === "") return undefined;
  if (asked === "never") return null;
  return /^\d+$/.test(asked) ? Number(asked) : asked;
}

async function edit() {
  await told(outcome, async () => {
    const { id: edited, text, revision } = beginEditing();
    form.elements.id.value = edited;
    form.elements.content.value = text;
    form.elements.kind.value = "text";
    form.elements.condition.value = "revision";
    form.elements.revision.value = revision;
    showKind();
    showCondition();
    form.elements.content.focus();
    return "Change it and write: if somebody else was faster, it is a conflict, and nothing is lost.";
  });
}

function showKind() {
  const isFile = form.elements.kind.value === "file";
  byId("content-field").hidden = isFile;
  byId("file-field").hidden = !isFile;
}

function showCondition() {
  byId("revision-field").hidden = form.elements.condition.value !== "revision";
}
