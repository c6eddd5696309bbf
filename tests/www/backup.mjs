// All sessions out into one file, and in again; and files that nobody should trust.
import assert from "node:assert/strict";

/** On the page: writes three sessions, and leaves what the cases do with them. */
async function prepare() {
  const { storage } = await hands.load("storage.mjs");
  const { all } = await hands.load("sessions.mjs");
  const bytes = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 7) % 256);
  await hands.write({ id: "letter", content: "Dear Ada,\n{}\n", idle: "30m", tags: "user:17, draft" });
  await hands.write({ id: "ever ✓", file: new File([bytes], "bytes.bin") });
  await hands.write({ id: "nothing", content: "", absolute: "7d" });
  const caught = hands.catchDownloads();
  const exportAll = async () => {
    const before = caught.length;
    hands.at("#backup-outcome").replaceChildren();
    hands.at("#export").click();
    const { text } = await hands.said("#backup-outcome");
    return { text, file: new File([caught[before]], "sessions.sessile") };
  };
  const there = async () => {
    const found = {};
    for (const { id, info } of await all()) {
      const { data } = await storage.get(id);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
      const { expiresAt = null, tags, byteLength, revision } = info;
      found[id] = { content: Array.from(digest).join(), expiresAt, tags, byteLength, revision };
    }
    return found;
  };
  const choose = async (file) => {
    hands.at("#backup-outcome").replaceChildren();
    hands.at("#import-plan").hidden = true;
    hands.choose("#import-file", file);
    const outcome = hands.at("#backup-outcome");
    await hands.until(
      () => outcome.textContent || !hands.at("#import-plan").hidden,
      "the file to be checked",
    );
    return hands.at("#import-plan").hidden ? outcome.textContent : hands.text("#plan-words");
  };
  const answer = (choice) => hands.press("#import-plan", choice, "#backup-outcome");
  globalThis.prepared = { storage, exportAll, there, choose, answer };
}

/** Runs on the page, which has been prepared. */
async function onPrepared(page, work) {
  await page.evaluate(prepare);
  return page.evaluate(work);
}

/** The end of an imported session is told by its own clock, some milliseconds later than that of the file. */
const CLOCK_SLACK = 2_000;

export const backup = {
  async "what was exported and ended comes back as it was"({ page }) {
    const run = await onPrepared(page, async () => {
      const { exportAll, there, choose, answer } = globalThis.prepared;
      const before = await there();
      const { text, file } = await exportAll();
      hands.at("#invalidate-all").click();
      hands.at('#all-question button[value="yes"]').click();
      await hands.lists();
      const plan = await choose(file);
      const outcome = await answer("keep");
      await hands.lists(...Object.keys(before));
      return { text, plan, outcome, before, after: await there(), name: file.name };
    });
    assert.equal(run.text, "3 sessions exported.");
    assert.equal(run.plan, "The file is sound. In it: 3 new.");
    assert.deepEqual(run.outcome, { state: "good", text: "3 sessions imported." });
    assert.deepEqual(Object.keys(run.after).toSorted(), ["ever ✓", "letter", "nothing"]);
    for (const [id, { content, expiresAt, tags, byteLength }] of Object.entries(run.before)) {
      const after = run.after[id];
      assert.deepEqual([after.content, after.tags, after.byteLength], [content, tags, byteLength], id);
      if (expiresAt === null) assert.equal(after.expiresAt, null);
      else assert.ok(Math.abs(after.expiresAt - expiresAt) < CLOCK_SLACK, `${id} ends at another time`);
    }
  },

  async "sessions that are here stay, unless their replacement is asked for"({ page }) {
    const run = await onPrepared(page, async () => {
      const { storage, exportAll, there, choose } = globalThis.prepared;
      const { file } = await exportAll();
      await storage.set("letter", "newer", { idleTimeout: null, tags: ["newer"] });
      await storage.invalidate("nothing");
      const read = async () => new TextDecoder().decode((await storage.get("letter")).data);
      const plan = await choose(file);
      hands.at("#plan-leave").click();
      return { plan, isLeft: hands.at("#import-plan").hidden, read: await read(), there: await there() };
    });
    assert.equal(run.plan, "The file is sound. In it: 1 new, 2 whose id is here already.");
    assert.equal(run.read, "newer");
    assert.ok(run.isLeft);
    assert.deepEqual(Object.keys(run.there).toSorted(), ["ever ✓", "letter"]);
  },

  async "a replacement takes content, tags and end of the file"({ page }) {
    const run = await onPrepared(page, async () => {
      const { storage, exportAll, there, choose, answer } = globalThis.prepared;
      const before = await there();
      const { file } = await exportAll();
      await storage.set("letter", "newer", { idleTimeout: null, tags: ["newer"] });
      await storage.invalidate("nothing");
      await choose(file);
      const kept = await answer("keep");
      const read = async () => new TextDecoder().decode((await storage.get("letter")).data);
      const afterKeep = await read();
      await choose(file);
      const replaced = await answer("replace");
      return { kept, afterKeep, replaced, read: await read(), before, after: await there() };
    });
    assert.equal(run.kept.text, "1 session imported, 2 left as they were.");
    assert.equal(run.afterKeep, "newer");
    assert.equal(run.replaced.text, "3 sessions imported.");
    assert.equal(run.read, "Dear Ada,\n{}\n");
    assert.deepEqual(run.after.letter.tags, ["user:17", "draft"]);
    assert.ok(Math.abs(run.after.letter.expiresAt - run.before.letter.expiresAt) < CLOCK_SLACK);
  },

  async "what has expired since is left out"({ page }) {
    const run = await onPrepared(page, async () => {
      const { exportAll, choose, answer } = globalThis.prepared;
      const { file } = await exportAll();
      (await hands.load("clock.mjs")).advance(31 * 60_000);
      await hands.lists("ever ✓", "nothing");
      const plan = await choose(file);
      const outcome = await answer("keep");
      return { plan, outcome, rows: hands.rows().map(({ id }) => id) };
    });
    assert.equal(
      run.plan,
      "The file is sound. In it: 0 new, 2 whose id is here already, 1 that have expired since, and are left out.",
    );
    assert.equal(run.outcome.text, "0 sessions imported, 2 left as they were, 1 had expired.");
    assert.ok(!run.rows.includes("letter"));
  },

  async "files that are none of this page's, or of another version, are refused by name"({ page }) {
    const run = await onPrepared(page, async () => {
      const { exportAll, there, choose } = globalThis.prepared;
      const before = await there();
      const { file } = await exportAll();
      const text = async (made) => choose(new File([made], "other"));
      const rest = file.slice("sessile page export 1\n".length);
      const said = {
        empty: await text(""),
        rubbish: await text("%PDF-1.7 and so on\n"),
        long: await text("x".repeat(3_000_000)),
        later: await text(new Blob(["sessile page export 2\n", rest])),
        cut: await text(file.slice(0, file.size - 30)),
        half: await text(file.slice(0, file.size / 2)),
        headless: await text("sessile page export 1\n"),
        more: await text(new Blob([file, "\n"])),
        twice: await text(new Blob([file.slice(0, file.size - 40), rest])),
      };
      const after = await there();
      return { said, isSame: JSON.stringify(before) === JSON.stringify(after) };
    });
    assert.match(run.said.empty, /no file that this page has exported/);
    assert.match(run.said.rubbish, /no file that this page has exported/);
    assert.match(run.said.long, /too long/);
    assert.match(run.said.later, /version 2; this page reads version 1/);
    for (const name of ["cut", "half", "headless"]) assert.match(run.said[name], /cut off|damaged/, name);
    assert.match(run.said.headless, /cut off/);
    assert.match(run.said.more, /behind its end/);
    assert.match(run.said.twice, /damaged/);
    assert.ok(run.isSame, "a refused file has changed something");
  },

  async "a file is refused wherever it is cut off, and whichever of its bytes is another"({ page }) {
    const found = await page.evaluate(async () => {
      const { BackupWriter, readBackup } = await hands.load("backup-format.mjs");
      const parts = [];
      const writer = new BackupWriter(async (bytes) => parts.push(bytes.slice()));
      await writer.begin();
      for (const [id, content] of [
        ["one", "first\n"],
        ["two", ""],
        ["three", "{}"],
      ]) {
        await writer.beginSession(id, {
          byteLength: content.length,
          expiresAt: 1_900_000_000_000,
          tags: ["t"],
        });
        await writer.add(new TextEncoder().encode(content));
        await writer.endSession();
      }
      await writer.end();
      const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
      const read = async (bytes) => {
        const seen = [];
        const content = async (pieces) => {
          let text = "";
          for await (const piece of pieces) text += new TextDecoder().decode(piece);
          return text;
        };
        await readBackup(new Blob([bytes]), {
          onSession: async ({ id }, pieces) => seen.push([id, await content(pieces)]),
        });
        return seen;
      };
      const refused = (bytes) =>
        read(bytes).then(
          () => false,
          (error) => /^The file|^This is no file/.test(error.message),
        );
      const taken = { cut: [], flipped: [] };
      for (let length = 0; length < whole.length; length += 1) {
        if (!(await refused(whole.subarray(0, length)))) taken.cut.push(length);
      }
      for (let at = 0; at < whole.length; at += 1) {
        const other = whole.slice();
        other[at] ^= 1;
        if (!(await refused(other))) taken.flipped.push(at);
      }
      return { seen: await read(whole), taken, length: whole.length };
    });
    assert.deepEqual(found.seen, [
      ["one", "first\n"],
      ["two", ""],
      ["three", "{}"],
    ]);
    assert.deepEqual(found.taken, { cut: [], flipped: [] });
    assert.ok(found.length > 200);
  },

  async "entries that no storage would take are refused, though the checksum is right"({ page }) {
    const taken = await page.evaluate(async () => {
      const { BackupWriter, readBackup } = await hands.load("backup-format.mjs");
      const { LIST } = await hands.load("known-ids.mjs");
      const fileOf = async (...sessions) => {
        const parts = [];
        const writer = new BackupWriter(async (bytes) => parts.push(bytes.slice()));
        await writer.begin();
        for (const [id, info] of sessions) {
          await writer.beginSession(id, { byteLength: 0, tags: [], ...info });
          await writer.endSession();
        }
        await writer.end();
        return new File(parts, "sessions.sessile");
      };
      const bad = {
        "no id": await fileOf([""]),
        "a long id": await fileOf(["x".repeat(1_025)]),
        "a number for an id": await fileOf([7]),
        "half a character": await fileOf(["\ud800"]),
        "an end before time": await fileOf(["a", { expiresAt: -1 }]),
        "an end that is no number": await fileOf(["a", { expiresAt: "soon" }]),
        "a length that is none": await fileOf(["a", { byteLength: -5 }]),
        "a length beyond the file": await fileOf(["a", { byteLength: 1e15 }]),
        "tags that are none": await fileOf(["a", { tags: "user" }]),
        "an empty tag": await fileOf(["a", { tags: [""] }]),
        "65 tags": await fileOf(["a", { tags: Array.from({ length: 65 }, (_, at) => `t${at}`) }]),
        "an id twice": await fileOf(["a"], ["a"]),
      };
      const wrong = [];
      for (const [name, file] of Object.entries(bad)) {
        await readBackup(file, { onSession: async () => {} }).then(
          () => wrong.push(name),
          (error) => /^The file/.test(error.message) || wrong.push(`${name}: ${error.message}`),
        );
      }
      hands.choose("#import-file", await fileOf([LIST]));
      return { wrong, list: (await hands.said("#backup-outcome")).text };
    });
    assert.deepEqual(taken.wrong, []);
    assert.match(taken.list, /the page's own\. Nothing was imported|page's own/);
  },
};
