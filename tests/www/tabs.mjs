// Several clients of one database: they see each other's changes, and lose none.
import assert from "node:assert/strict";

export const tabs = {
  async "two tabs see each other's changes"({ page, tab }) {
    const other = await tab();
    // WebKit's driver steers one window: there, the frames of the next cases are the other clients.
    if (!other) return;
    await page.evaluate(() => hands.write({ id: "from the first", content: "1" }));
    await other.evaluate(() => hands.lists("from the first"));
    await other.evaluate(() => hands.write({ id: "from the second", content: "2", tags: "both" }));
    await page.evaluate(() => hands.lists("from the first", "from the second"));
    await page.evaluate(() => hands.until(() => hands.row("from the second").tags[0] === "both", "its tag"));
    await other.evaluate(async () => {
      hands.set("#id", "from the first");
      await hands.byHand("invalidate");
    });
    await page.evaluate(() => hands.lists("from the second"));
    assert.deepEqual(other.errors, []);
    await other.leave();
  },

  async "two frames see each other's changes, and who reads is told of a newer revision"({
    page,
    visitNothing,
  }) {
    await visitNothing();
    const seen = await page.evaluate(async () => {
      const [one, two] = await Promise.all([hands.frame(), hands.frame()]);
      await one.write({ id: "shared", content: "first" });
      await two.lists("shared");
      two.at(".row .id").click();
      await two.until(() => !two.at("#view").hidden, "the session to be shown");
      const read = two.text("#view-content");
      await one.write({ id: "shared", content: "second" });
      const news = await two.until(
        () => !two.at("#view-news").hidden && two.text("#view-news"),
        "news of it",
      );
      const stays = two.text("#view-content");
      one.set("#id", "shared");
      await one.byHand("invalidate");
      await two.lists();
      const end = await two.until(
        () => /gone/.test(two.text("#view-news")) && two.text("#view-news"),
        "its end",
      );
      return { read, news, stays, end };
    });
    assert.deepEqual(seen, {
      read: "first",
      news: "Written anew since: read it again.",
      stays: "first",
      end: "It is gone since.",
    });
  },

  async "no id is lost where three write at the same time"({ page, visitNothing }) {
    await visitNothing();
    const listed = await page.evaluate(async () => {
      const frames = await Promise.all([hands.frame(), hands.frame(), hands.frame()]);
      const ids = [];
      const write = async (frame, number) => {
        for (let at = 0; at < 15; at += 1) {
          const id = `session ${at} of client ${number}`;
          ids.push(id);
          const { state, text } = await frame.write({ id, content: id });
          if (state !== "good") throw new Error(text);
        }
      };
      await Promise.all(frames.map(write));
      await Promise.all(frames.map((frame) => frame.lists(...ids)));
      return frames.map((frame) => frame.rows().length);
    });
    assert.deepEqual(listed, [45, 45, 45]);
  },

  async "a client that finds a session gone takes no new one of that id off the list"({ page }) {
    const kept = await page.evaluate(async () => {
      const { expect, forget, known, note } = await hands.load("known-ids.mjs");
      await expect(["again"]);
      const gone = await known();
      // Another client has written it since this one looked.
      await note([{ id: "again", revision: "newer", span: null }]);
      await forget(gone);
      const still = await known();
      await forget(still);
      return { still: still.map(({ id }) => id), atLast: await known() };
    });
    assert.deepEqual(kept, { still: ["again"], atLast: [] });
  },
};
