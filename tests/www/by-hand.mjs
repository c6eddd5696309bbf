// One session at a time, by the form and by the buttons of the list.
import assert from "node:assert/strict";

const minute = 60_000;

export const byHand = {
  async "a session is written, read and ended by hand"({ page }) {
    const written = await page.evaluate(() => hands.write({ id: "letter", content: "Dear Ada" }));
    assert.equal(written.state, "good");
    assert.match(written.text, /^Written: 8 B, revision \S+\.$/);
    await page.evaluate(() => hands.lists("letter"));
    assert.match(await page.evaluate(() => hands.row("letter").facts), /^8 B · since /);
    assert.equal(await page.evaluate(() => hands.text("#list-summary")), "1 session · 8 B");

    const read = await page.evaluate(async () => {
      hands.at(".row .id").click();
      await hands.until(() => !hands.at("#view").hidden, "the session to be shown");
      return {
        content: hands.text("#view-content"),
        facts: hands.text("#view-facts"),
        id: hands.at("#id").value,
      };
    });
    assert.equal(read.content, "Dear Ada");
    assert.equal(read.id, "letter");
    assert.ok(read.facts.includes(/revision (\S+)\.$/.exec(written.text)[1]));

    assert.match((await page.evaluate(() => hands.byHand("touch"))).text, /^Touched/);
    assert.match((await page.evaluate(() => hands.byHand("invalidate"))).text, /^Invalidated, for good/);
    await page.evaluate(() => hands.lists());
    const gone = await page.evaluate(() => hands.byHand("read"));
    assert.equal(gone.state, "bad");
    assert.match(gone.text, /^ERR_SESSION_NOT_FOUND /);
    assert.ok(await page.evaluate(() => hands.at("#view").hidden));
    assert.match((await page.evaluate(() => hands.byHand("info"))).text, /no such session/);
    assert.match((await page.evaluate(() => hands.byHand("touch"))).text, /no such session/);
    assert.match((await page.evaluate(() => hands.byHand("invalidate"))).text, /was no session/);
  },

  async "whoever gives no id gets a new one"({ page }) {
    const made = await page.evaluate(async () => {
      await hands.write({ content: "anonymous" });
      return hands.at("#id").value;
    });
    assert.match(made, /^[\w-]{43}$/);
    await page.evaluate((id) => hands.lists(id), made);
    const button = await page.evaluate(() => {
      hands.at("#new-id").click();
      return hands.at("#id").value;
    });
    assert.match(button, /^[\w-]{43}$/);
    assert.notEqual(button, made);
  },

  async "a condition that is not met shows its code, and changes nothing"({ page }) {
    const tried = await page.evaluate(async () => {
      const { storage } = await hands.load("storage.mjs");
      const content = async () => new TextDecoder().decode((await storage.get("cart")).data);
      const first = await hands.write({ id: "cart", content: "one", condition: "absent" });
      const again = await hands.write({ id: "cart", content: "two", condition: "absent" });
      const afterAbsent = await content();
      const [, revision] = /revision (\S+)\.$/.exec(first.text);
      const onIt = await hands.write({ id: "cart", content: "three", condition: "revision", revision });
      const onOld = await hands.write({ id: "cart", content: "four", condition: "revision", revision });
      return { first, again, afterAbsent, onIt, onOld, atLast: await content() };
    });
    assert.equal(tried.first.state, "good");
    assert.match(tried.again.text, /^ERR_SESSION_CONFLICT .*Read the session again/);
    assert.equal(tried.afterAbsent, "one");
    assert.equal(tried.onIt.state, "good");
    assert.equal(tried.onOld.state, "bad");
    assert.match(tried.onOld.text, /^ERR_SESSION_CONFLICT /);
    assert.equal(tried.atLast, "three");
  },

  async "who edits what another has changed since is told, and the other's stays"({ page }) {
    const edited = await page.evaluate(async () => {
      const { storage } = await hands.load("storage.mjs");
      await hands.write({ id: "note", content: "mine" });
      await hands.read("note");
      hands.at("#edit").click();
      await hands.until(() => hands.at("#condition").value === "revision", "the form to hold it");
      const held = hands.at("#content").value;
      await storage.set("note", "theirs");
      hands.set("#content", "mine, changed");
      const outcome = await hands.byHand("write");
      return { held, outcome, there: new TextDecoder().decode((await storage.get("note")).data) };
    });
    assert.equal(edited.held, "mine");
    assert.match(edited.outcome.text, /^ERR_SESSION_CONFLICT /);
    assert.equal(edited.there, "theirs");
  },

  async "what makes no sense is refused with what to do"({ page }) {
    const refused = await page.evaluate(async () => [
      await hands.write({ id: "x", idle: "soon" }),
      await hands.write({ id: "x", absolute: "0s" }),
      await hands.write({ id: "ü".repeat(513) }),
      await hands.write({ id: "sessile page: the list of ids", content: "[]" }),
      (hands.set("#id", ""), await hands.byHand("read")),
    ]);
    assert.deepEqual(
      refused.map(({ state }) => state),
      Array(5).fill("bad"),
    );
    assert.match(refused[0].text, /^ERR_SESSION_INVALID_OPTION .*idleTimeout/i);
    assert.match(refused[1].text, /^ERR_SESSION_INVALID_OPTION .*absoluteTimeout/i);
    assert.match(refused[2].text, /^ERR_SESSION_INVALID_ID /);
    assert.match(refused[3].text, /the page's own/);
    assert.match(refused[4].text, /Give an id/);
    await page.evaluate(() => hands.lists());
  },

  async "a session that has expired leaves the list by itself, and is not read again"({ page }) {
    const shown = await page.evaluate(async (tenMinutes) => {
      const clock = await hands.load("clock.mjs");
      await hands.write({ id: "short", content: "soon gone", absolute: "10m" });
      await hands.write({ id: "long", content: "stays", idle: "2h" });
      await hands.write({ id: "ever", content: "stays", idle: "never" });
      await hands.lists("short", "long", "ever");
      const early = hands.rows();
      clock.advance(tenMinutes - 60_000);
      const late = hands.rows();
      clock.advance(61_000);
      await hands.lists("long", "ever");
      hands.set("#id", "short");
      return { early, late, read: await hands.byHand("read") };
    }, 10 * minute);
    const at = (rows, id) => rows.find((row) => row.id === id);
    assert.match(at(shown.early, "short").left, /^(10:00|9:5\d) left$/);
    assert.ok(at(shown.early, "short").bar > 0.9 && !at(shown.early, "short").isLow);
    assert.match(at(shown.late, "short").left, /^(1:00|0:5\d) left$/);
    assert.ok(at(shown.late, "short").bar < 0.11 && at(shown.late, "short").isLow);
    assert.match(at(shown.late, "long").left, /^1 h 5\d min left$/);
    assert.equal(at(shown.late, "ever").left, "no end");
    assert.match(shown.read.text, /^ERR_SESSION_NOT_FOUND /);
  },

  async "a touch puts the end off"({ page }) {
    const left = await page.evaluate(async () => {
      const clock = await hands.load("clock.mjs");
      await hands.write({ id: "idle", content: "x", idle: "30m" });
      await hands.lists("idle");
      clock.advance(20 * 60_000);
      const before = hands.row("idle").left;
      hands.at('.row [aria-label="Touch idle"]').click();
      await hands.until(() => /^(30:00|29:5\d)/.test(hands.row("idle").left), "the bar to be full again");
      return { before, text: (await hands.said("#list-outcome")).text };
    });
    assert.match(left.before, /^(10:00|9:5\d) left$/);
    assert.match(left.text, /^Touched/);
  },

  async "tags are written, kept, listed and ended together"({ page }) {
    const found = await page.evaluate(async () => {
      await hands.write({ id: "phone", content: "a", tags: "user:17, mobile" });
      await hands.write({ id: "desk", content: "b", tags: "user:17" });
      await hands.write({ id: "other", content: "c", tags: "user:18" });
      await hands.write({ id: "phone", content: "a again" });
      await hands.lists("phone", "desk", "other");
      const tags = hands.row("phone").tags;
      hands.set("#tag", "user:17");
      const listed = await hands.press("#tagged", "list", "#tagged-outcome");
      const table = hands.at("#tagged-rows").rows.length;
      const ended = await hands.press("#tagged", "invalidate", "#tagged-outcome");
      await hands.lists("other");
      return { tags, listed, table, ended, isHidden: hands.at("#tagged-table").hidden };
    });
    assert.deepEqual(found.tags, ["user:17", "mobile"]);
    assert.equal(found.listed.text, "2 sessions.");
    assert.equal(found.table, 2);
    assert.equal(found.ended.text, "2 sessions invalidated, for good.");
    assert.ok(found.isHidden);
  },

  async "a sweep removes what has expired, and says how many"({ page }) {
    const swept = await page.evaluate(async () => {
      const { storage } = await hands.load("storage.mjs");
      const clock = await hands.load("clock.mjs");
      for (const id of ["a", "b", "c"]) await storage.set(id, "old", { absoluteTimeout: "1m" });
      clock.advance(2 * 60_000);
      hands.at("#sweep").click();
      return hands.said("#room-outcome");
    });
    assert.equal(swept.text, "3 expired sessions removed.");
  },

  async "all sessions are ended at one button, which asks first"({ page }) {
    const answers = await page.evaluate(async () => {
      for (const id of ["a", "b", "c"]) await hands.write({ id, content: id });
      await hands.lists("a", "b", "c");
      hands.at("#invalidate-all").click();
      const question = hands.text("#all-count");
      hands.at('#all-question button[value="no"]').click();
      await hands.until(() => !hands.at("#all-question").open, "the question to be closed");
      await hands.lists("a", "b", "c");
      hands.at("#invalidate-all").click();
      hands.at('#all-question button[value="yes"]').click();
      await hands.lists();
      return { question, said: await hands.said("#list-outcome"), isEmpty: !hands.at("#empty").hidden };
    });
    assert.equal(answers.question, "Invalidate 3 sessions, for good?");
    assert.equal(answers.said.text, "3 sessions invalidated, for good.");
    assert.ok(answers.isEmpty);
  },

  async "the page comes back with its sessions, and shows many of them in portions"({ page, visit }) {
    await page.evaluate(async () => {
      const { noteAsFound } = await hands.load("sessions.mjs");
      const { storage } = await hands.load("storage.mjs");
      const ids = Array.from({ length: 230 }, (_, at) => `session ${at}`);
      await Promise.all(ids.map((id) => storage.setJson(id, { id }, { idleTimeout: "1h" })));
      await noteAsFound(ids);
    });
    await visit();
    const shown = await page.evaluate(async () => {
      await hands.until(() => hands.rows().length === 100, "a hundred rows");
      const more = hands.text("#more");
      hands.at("#more").click();
      hands.at("#more").click();
      return {
        more,
        rows: hands.rows().length,
        isOver: hands.at("#more").hidden,
        sum: hands.text("#list-summary"),
      };
    });
    assert.equal(shown.more, "Show 100 more");
    assert.equal(shown.rows, 230);
    assert.ok(shown.isOver);
    assert.match(shown.sum, /^230 sessions · /);
  },

  async "a damaged session is told in its row, and takes no other with it"({ page }) {
    const damaged = await page.evaluate(async () => {
      const { damageRecord } = await hands.load("databases.mjs");
      await hands.write({ id: "sound", content: "sound" });
      await hands.write({ id: "broken", content: "broken" });
      await damageRecord("sessile page", "broken");
      hands.set("#id", "broken");
      const read = await hands.byHand("read");
      await hands.write({ id: "third", content: "third" });
      await hands.lists("sound", "third");
      return read;
    });
    assert.match(damaged.text, /^ERR_SESSION_CORRUPT .*next write begins a new session/);
  },
};
