// One session as it was read: its info, and as much of its content as a person can look at.
import { now } from "./clock.mjs";
import { byId, element, put } from "./dom.mjs";
import { PageError } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { beginning } from "./streams.mjs";
import { onChange } from "./tabs.mjs";
import { moment, size } from "./text.mjs";

/** So much is read of a session to be looked at. */
const LOOK = 65_536;

/** So much of it is shown where it is no text. */
const HEX_LINES = 32;

let shown;

export function startViewer() {
  onChange(lookAgain);
}

/** Reads a session's beginning and shows it; answers its info. */
export async function showSession(id) {
  const found = await storage
    .read(id, async (channel, info) => ({ info, bytes: await beginning(channel, LOOK) }))
    .catch(cleared);
  const isWhole = found.bytes.length === (found.info.byteLength ?? found.bytes.length);
  const text = textOf(found.bytes, isWhole);
  shown = { id, info: found.info, text: isWhole ? text : undefined };
  showFacts();
  const content = byId("view-content");
  content.hidden = false;
  put(content, text ?? hexOf(found.bytes));
  put(byId("view-kind"), kindOf(text, isWhole, found.bytes.length));
  byId("edit").hidden = shown.text === undefined;
  return found.info;
}

/** Shows what is known of a session without its content, and answers it; undefined where there is no session. */
export async function showInfo(id) {
  const info = await storage.info(id).catch(cleared);
  if (!info) return cleared();
  shown = { id, info };
  showFacts();
  byId("view-content").hidden = true;
  put(byId("view-kind"), "");
  byId("edit").hidden = true;
  return info;
}

/** The text that is shown, and the revision that it is of. */
export function beginEditing() {
  if (shown?.text === undefined) throw new PageError("Read a session of text first.");
  return { id: shown.id, text: shown.text, revision: shown.info.revision };
}

function showFacts() {
  const { id, info } = shown;
  byId("view").hidden = false;
  byId("view-news").hidden = true;
  const facts = [
    ["Id", element("bdi", {}, id)],
    ["Revision", info.revision],
    ["Size", info.byteLength === undefined ? "not known" : `${size(info.byteLength)}`],
    ["Created", moment(info.createdAt, now())],
    ["Expires", info.expiresAt === undefined ? "never" : moment(info.expiresAt, now())],
    ["Tags", info.tags.length > 0 ? element("bdi", {}, info.tags.join(", ")) : "none"],
  ];
  byId("view-facts").replaceChildren(
    ...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

/** Says that what is shown is not what is there any more. It stays in sight: somebody may be reading it. */
async function lookAgain() {
  const seen = shown;
  if (!seen) return;
  const info = await storage.info(seen.id).catch(() => undefined);
  if (shown !== seen) return;
  const isOld = info?.revision !== seen.info.revision;
  byId("view-news").hidden = !isOld;
  if (isOld) put(byId("view-news"), info ? "Written anew since: read it again." : "It is gone since.");
}

function cleared(error) {
  shown = undefined;
  byId("view").hidden = true;
  if (error) throw error;
  return undefined;
}

function textOf(bytes, isWhole) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !isWhole });
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function kindOf(text, isWhole, length) {
  const kind = text === undefined ? "Bytes" : "Text";
  if (text === undefined) return `${kind}, the first ${size(Math.min(length, HEX_LINES * 16))}`;
  return isWhole ? kind : `${kind}, the first ${size(length)}; download it to have it all`;
}

function hexOf(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, HEX_LINES * 16); at += 16) {
    const line = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, "0"));
    lines.push(`${at.toString(16).padStart(4, "0")}  ${line.join(" ")}`);
  }
  return lines.join("\n");
}
