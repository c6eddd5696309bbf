// All sessions out into one file, and in again.
import { BackupWriter, readBackup } from "./backup-format.mjs";
import { now } from "./clock.mjs";
import { byId, onSubmit, put } from "./dom.mjs";
import { expect, LIST } from "./known-ids.mjs";
import { told } from "./outcome.mjs";
import { all, noteAsFound, PageError } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { drain } from "./streams.mjs";
import { announce } from "./tabs.mjs";
import { canChoose, chosenFile, download } from "./targets.mjs";
import { count } from "./text.mjs";
import { transfer } from "./transfers.mjs";

const NAME = "sessions.sessile";

/** A storage takes no timeout that is longer. */
const LONGEST = 36_500 * 86_400_000;

/** So many sessions are noted at a time while they come in. */
const LOT = 200;

let outcome;
let checked;

export function startBackup() {
  outcome = byId("backup-outcome");
  const save = byId("export-save");
  save.hidden = !canChoose;
  byId("export").addEventListener("click", () => told(outcome, () => exportTo(download(NAME))));
  save.addEventListener("click", () => told(outcome, async () => exportTo(await chosenFile(NAME))));
  byId("import-file").addEventListener("change", () => told(outcome, check));
  onSubmit(byId("import-plan"), (choice) => {
    const { file, ids } = checked;
    forgetFile();
    byId("import-file").value = "";
    if (choice !== "leave") told(outcome, () => bringIn(file, ids, choice === "replace"));
  });
}

async function exportTo(target) {
  const sessions = (await all()).filter(({ info }) => info);
  const total = sessions.reduce((sum, { info }) => sum + (info.byteLength ?? 0), 0);
  let written = 0;
  try {
    await transfer("Export", total, async (passed, signal) => {
      const backup = new BackupWriter((bytes) => target.write(bytes));
      await backup.begin();
      for (const { id } of sessions) {
        const isThere = await exportOne(backup, id, passed, signal);
        if (isThere) written += 1;
      }
      await backup.end();
      await target.close();
    });
  } catch (error) {
    await target.giveUp();
    throw error;
  }
  return `${count(written, "session")} exported.`;
}

/** One revision of a session, from its first byte to its last. It may have gone since it was listed. */
async function exportOne(backup, id, passed, signal) {
  let isBegun = false;
  try {
    await storage.read(id, async (channel, info) => {
      isBegun = true;
      await backup.beginSession(id, info);
      const take = async (piece) => {
        await backup.add(piece);
        passed(piece.length);
      };
      await drain(channel, take, signal);
      await backup.endSession();
    });
    return true;
  } catch (error) {
    if (error.code === "ERR_SESSION_NOT_FOUND" && !isBegun) return false;
    throw error;
  }
}

/** Reads a file to its end before anything is changed, and says what an import of it would do. */
async function check() {
  const [file] = byId("import-file").files;
  forgetFile();
  if (!file) return;
  const plan = { fresh: 0, here: 0, over: 0, ids: [] };
  const time = now();
  await transfer(`Check: ${file.name}`, file.size, (passed, signal) =>
    readBackup(file, {
      onPiece: passed,
      onSession: async ({ id, expiresAt }) => {
        signal.throwIfAborted();
        if (id === LIST)
          throw new PageError(
            "The file holds a list of ids, which is this page's own. Nothing was imported.",
          );
        if (isOver(expiresAt, time)) {
          plan.over += 1;
          return;
        }
        plan.ids.push(id);
        if (await storage.info(id)) plan.here += 1;
        else plan.fresh += 1;
      },
    }),
  );
  checked = { file, ids: plan.ids };
  showPlan(plan);
}

function showPlan({ fresh, here, over }) {
  const parts = [`${fresh.toLocaleString("en")} new`];
  if (here > 0) parts.push(`${here.toLocaleString("en")} whose id is here already`);
  if (over > 0) parts.push(`${over.toLocaleString("en")} that have expired since, and are left out`);
  put(byId("plan-words"), `The file is sound. In it: ${parts.join(", ")}.`);
  byId("plan-keep").disabled = fresh + here === 0;
  put(byId("plan-keep"), here > 0 ? "Import, keep those here" : "Import");
  byId("plan-replace").hidden = here === 0;
  put(byId("plan-replace"), `Import, replace ${here.toLocaleString("en")}`);
  byId("import-plan").hidden = false;
  (fresh + here === 0 ? byId("plan-leave") : byId("plan-keep")).focus();
}

function forgetFile() {
  checked = undefined;
  byId("import-plan").hidden = true;
}

async function bringIn(file, ids, isReplacing) {
  const tally = { imported: 0, kept: 0, over: 0 };
  let noted = [];
  const note = async () => {
    await noteAsFound(noted);
    noted = [];
  };
  await expect(ids);
  try {
    await transfer(`Import: ${file.name}`, file.size, (passed, signal) =>
      readBackup(file, {
        onPiece: passed,
        onSession: async (entry, content) => {
          signal.throwIfAborted();
          if (isOver(entry.expiresAt, now())) {
            tally.over += 1;
            return;
          }
          const isIn = await bringInOne(entry, content, isReplacing, signal);
          tally[isIn ? "imported" : "kept"] += 1;
          noted.push(entry.id);
          if (noted.length >= LOT) await note();
        },
      }),
    );
  } catch (error) {
    if (tally.imported === 0) throw error;
    const why =
      error.name === "AbortError" ? "it was given up" : `${error.code ?? error.name}, ${error.message}`;
    throw new PageError(`${count(tally.imported, "session")} came in whole; then it ended: ${why}`);
  } finally {
    await note();
    announce();
  }
  const rest = [];
  if (tally.kept > 0) rest.push(`${tally.kept} left as they were`);
  if (tally.over > 0) rest.push(`${tally.over} had expired`);
  return [`${count(tally.imported, "session")} imported`, ...rest].join(", ") + ".";
}

/**
 * Answers false for a session that is left as it was: one that is here and not to be replaced, or that somebody else
 * has written at this very moment.
 */
async function bringInOne({ id, expiresAt, tags }, content, isReplacing, signal) {
  const info = await storage.info(id);
  if (info && !isReplacing) return false;
  const began = info?.createdAt ?? now();
  const options = {
    idleTimeout: null,
    absoluteTimeout: expiresAt === null ? null : Math.min(Math.max(expiresAt - began, 1), LONGEST),
    tags,
    ifRevision: info?.revision ?? null,
    signal,
  };
  const copy = async (channel) => {
    const writer = channel.getWriter();
    for await (const piece of content) await writer.write(piece);
  };
  try {
    await storage.write(id, copy, options);
    return true;
  } catch (error) {
    if (error.code === "ERR_SESSION_CONFLICT") return false;
    throw error;
  }
}

const isOver = (expiresAt, time) => expiresAt !== null && expiresAt <= time;
