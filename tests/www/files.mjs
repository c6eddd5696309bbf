// Files in and out, as streams, with a bar that can be watched and a button that gives them up.
import assert from "node:assert/strict";

const MEBIBYTE = 1_048_576;

export const files = {
  async "a file of some MiB goes in and comes out byte for byte, with a bar that moves"({ page }) {
    const moved = await page.evaluate(
      async (size) => {
        const bytes = new Uint8Array(size);
        for (let at = 0; at < size; at += 65_536)
          crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, size)));
        const seen = { in: new Set(), out: new Set() };
        let direction = "in";
        const observer = new MutationObserver(() => {
          const bar = document.querySelector("#transfers progress");
          if (bar) seen[direction].add(bar.value);
        });
        observer.observe(hands.at("#transfers"), { subtree: true, childList: true, attributes: true });
        const written = await hands.write({ file: new File([bytes], "picture.jpg") });
        await hands.lists("picture.jpg");
        const { facts } = hands.row("picture.jpg");
        observer.takeRecords();
        direction = "out";
        const caught = hands.catchDownloads();
        hands.at('.row [aria-label="Download picture.jpg"]').click();
        await hands.until(() => caught[0]?.downloadName, "the download");
        await hands.until(
          () => document.querySelectorAll("#transfers [data-over]").length === 2,
          "both to be over",
        );
        const out = new Uint8Array(await caught[0].arrayBuffer());
        return {
          written,
          facts,
          name: caught[0].downloadName,
          isSame: out.length === size && out.every((byte, at) => byte === bytes[at]),
          in: Array.from(seen.in),
          out: Array.from(seen.out),
          outcomes: Array.from(document.querySelectorAll("#transfers .outcome"), (one) => one.textContent),
        };
      },
      6 * MEBIBYTE + 17,
    );
    assert.match(moved.written.text, /^Written: 6.3 MB/);
    assert.match(moved.facts, /^6.3 MB /);
    assert.equal(moved.name, "picture.jpg");
    assert.ok(moved.isSame, "what came out is not what went in");
    const total = 6 * MEBIBYTE + 17;
    for (const direction of ["in", "out"]) {
      const between = moved[direction].filter((value) => value > 0 && value < total);
      assert.ok(between.length > 1, `the bar ${direction}: ${moved[direction]}`);
      assert.ok(moved[direction].includes(total));
    }
    for (const outcome of moved.outcomes) assert.match(outcome, /^6.3 MB in .* a second\.$/);
  },

  async "a file of 256 MiB goes in and comes out"({ page }) {
    const moved = await page.evaluate(async (mebibyte) => {
      // Of few blocks, which a browser keeps once; none is as its neighbours are.
      const few = Array.from({ length: 7 }, (_, fill) => new Blob([new Uint8Array(mebibyte).fill(fill)]));
      const blocks = Array.from({ length: 256 }, (_, number) => few[number % 7]);
      const written = await hands.write({ id: "film", file: new File(blocks, "film.mp4") });
      await hands.lists("film");
      const caught = hands.catchDownloads();
      hands.at('.row [aria-label="Download film"]').click();
      await hands.until(() => caught[0]?.downloadName, "the download");
      const wrong = [];
      for (let number = 0; number < 256; number += 1) {
        const bytes = new Uint8Array(
          await caught[0].slice(number * mebibyte, (number + 1) * mebibyte).arrayBuffer(),
        );
        if (!bytes.every((byte) => byte === number % 7)) wrong.push(number);
      }
      return { written, size: caught[0].size, wrong };
    }, MEBIBYTE);
    assert.match(moved.written.text, /^Written: 268/);
    assert.equal(moved.size, 256 * MEBIBYTE);
    assert.deepEqual(moved.wrong, []);
  },

  async "a file of no bytes goes in and comes out"({ page }) {
    const moved = await page.evaluate(async () => {
      const written = await hands.write({ id: "nothing", file: new File([], "empty.txt") });
      await hands.lists("nothing");
      const caught = hands.catchDownloads();
      const out = await Promise.all([
        hands.until(() => caught[0]?.downloadName, "the download"),
        hands.at('#by-hand button[value="download"]').click(),
      ]);
      hands.at(".row .id").click();
      await hands.until(() => !hands.at("#view").hidden, "the session to be shown");
      return { written, size: caught[0].size, name: out[0], content: hands.text("#view-content") };
    });
    assert.match(moved.written.text, /^Written: 0 B/);
    assert.equal(moved.size, 0);
    assert.equal(moved.name, "nothing");
    assert.equal(moved.content, "");
  },

  async "a file that is aborted on its way in leaves the session as it was"({ page }) {
    const left = await page.evaluate(async () => {
      await hands.write({ id: "kept", content: "the old content" });
      // A disk that stops answering after the first piece.
      let isLetGo = false;
      File.prototype.stream = () =>
        new ReadableStream({
          start: (control) => control.enqueue(new Uint8Array(100_000)),
          pull: () => new Promise(() => {}),
          cancel: () => {
            isLetGo = true;
          },
        });
      const outcome = hands.write({ id: "kept", file: new File([new Uint8Array(300_000)], "new.bin") });
      await hands.until(
        () => document.querySelector("#transfers progress")?.value === 100_000,
        "a third of it",
      );
      const far = hands.text("#transfers .far");
      hands.at("#transfers button").click();
      const { state, text } = await outcome;
      const { storage } = await hands.load("storage.mjs");
      const { data } = await storage.get("kept");
      const { facts } = hands.row("kept");
      return { far, state, text, facts, isLetGo, content: new TextDecoder().decode(data) };
    });
    assert.equal(left.far, "100 kB of 300 kB");
    assert.equal(left.state, "bad");
    assert.match(left.text, /^Given up\. The session is as it was/);
    assert.equal(left.content, "the old content");
    assert.match(left.facts, /^15 B /);
    assert.ok(left.isLetGo, "the file was not let go");
  },

  async "a file that cannot be read leaves nothing"({ page }) {
    const left = await page.evaluate(async () => {
      File.prototype.stream = () =>
        new ReadableStream({
          start: (control) => control.enqueue(new Uint8Array(1_000)),
          pull: (control) => control.error(new DOMException("it has changed", "NotReadableError")),
        });
      const { state, text } = await hands.write({
        id: "none",
        file: new File([new Uint8Array(2_000)], "moved.bin"),
      });
      return { state, text, rows: hands.rows().length };
    });
    assert.equal(left.state, "bad");
    assert.match(left.text, /^NotReadableError It has changed/);
    assert.equal(left.rows, 0);
  },

  async "what is aborted on its way out is given up, and the session stays"({ page }) {
    const left = await page.evaluate(async () => {
      const { storage } = await hands.load("storage.mjs");
      const { sendOut } = await hands.load("out.mjs");
      await storage.set("large", new Uint8Array(1_000_000));
      const told = { pieces: 0, isGivenUp: false, isClosed: false };
      let secondPiece;
      const isAtSecond = new Promise((resolve) => {
        secondPiece = resolve;
      });
      const target = {
        write: () => {
          told.pieces += 1;
          return told.pieces === 1 ? undefined : new Promise((resolve) => secondPiece(resolve));
        },
        close: () => {
          told.isClosed = true;
        },
        giveUp: () => {
          told.isGivenUp = true;
        },
      };
      const sent = sendOut("large", target).catch(({ name }) => name);
      const goOn = await isAtSecond;
      hands.at("#transfers button").click();
      goOn();
      const failure = await sent;
      return { ...told, failure, still: (await storage.info("large")).byteLength };
    });
    assert.equal(left.failure, "AbortError");
    assert.deepEqual([left.pieces, left.isGivenUp, left.isClosed, left.still], [2, true, false, 1_000_000]);
  },

  async "where the browser lets one choose, a session is streamed into that very file"({ page, engine }) {
    const saved = await page.evaluate(async () => {
      if (!("showSaveFilePicker" in globalThis)) return { isHidden: hands.at("#save").hidden };
      const folder = await navigator.storage.getDirectory();
      const handle = await folder.getFileHandle("chosen", { create: true });
      let asked;
      globalThis.showSaveFilePicker = async ({ suggestedName }) => {
        asked = suggestedName;
        return handle;
      };
      await hands.write({ id: 'a/b:"c"', content: "into a file" });
      hands.at("#save").click();
      await hands.until(
        () => document.querySelectorAll("#transfers [data-over]").length === 1,
        "it to be over",
      );
      return { asked, text: await (await handle.getFile()).text() };
    });
    const expected = engine === "chromium" ? { asked: "a_b__c_", text: "into a file" } : { isHidden: true };
    assert.deepEqual(saved, expected);
  },

  async "of a large session no more than its beginning is read to be looked at"({ page }) {
    const shown = await page.evaluate(async () => {
      const { storage } = await hands.load("storage.mjs");
      await storage.set("log", "a line of text\n".repeat(20_000));
      await storage.set(
        "bytes",
        Uint8Array.from({ length: 5_000 }, (_, at) => at % 256),
      );
      const look = async (id) => {
        await hands.read(id);
        return {
          kind: hands.text("#view-kind"),
          content: hands.text("#view-content"),
          edit: !hands.at("#edit").hidden,
        };
      };
      return { log: await look("log"), bytes: await look("bytes") };
    });
    assert.match(shown.log.kind, /^Text, the first 65.5 kB; download it/);
    assert.ok(shown.log.content.length <= 65_536 && !shown.log.edit);
    assert.match(shown.bytes.kind, /^Bytes, the first 512 B/);
    assert.match(shown.bytes.content, /^0000 {2}00 01 02 03/);
    assert.ok(!shown.bytes.edit);
  },
};
