// What the page looks like, what it tells of the browser, and what it never lets happen.
import assert from "node:assert/strict";

const ATTACKS = [
  "<img src=x onerror=\"globalThis.attacked = 'img'\">",
  "</pre><script>globalThis.attacked = 'script'</script>",
  '"><svg onload="globalThis.attacked = 1">',
  "javascript:globalThis.attacked = 2",
  "\u202egnitseretni",
  "__proto__",
];

export const looks = {
  async "ids, contents and tags are shown as the text that they are"({ page }) {
    const shown = await page.evaluate(async (attacks) => {
      for (const attack of attacks) {
        const { state, text } = await hands.write({
          id: attack,
          content: attack,
          tags: attack.replaceAll(",", ""),
        });
        if (state !== "good") throw new Error(text);
      }
      await hands.lists(...attacks);
      const contents = [];
      for (const attack of attacks) {
        await hands.read(attack);
        contents.push(hands.at("#view-content").textContent);
        hands.set("#tag", attack);
        await hands.press("#tagged", "list", "#tagged-outcome");
      }
      await hands.write({ id: attacks[0], file: new File(["x"], attacks[1]) });
      const strange =
        "#session-rows :is(img, script, svg), #view :is(img, script, svg), #tagged-rows :is(img, script, svg)";
      return {
        contents,
        tags: hands.rows().flatMap(({ tags }) => tags),
        strange: document.querySelectorAll(`${strange}, #transfers :is(img, script, svg)`).length,
        attacked: globalThis.attacked ?? null,
      };
    }, ATTACKS);
    assert.deepEqual(shown.contents, ATTACKS);
    assert.deepEqual(shown.tags.toSorted(), ATTACKS.toSorted());
    assert.equal(shown.strange, 0);
    assert.equal(shown.attacked, null);
  },

  async "a telephone of 360 pixels needs no scrolling to the side"({ page, visitNothing }) {
    await visitNothing();
    const wide = await page.evaluate(async () => {
      const phone = await hands.frame(360);
      const id = "a".repeat(300);
      await phone.write({ id, content: "b".repeat(4_000), tags: `${"t".repeat(200)}, short`, idle: "30m" });
      await phone.write({
        id: "with a file of a long name",
        file: new File(["x"], `${"f".repeat(150)}.txt`),
      });
      await phone.lists(id, "with a file of a long name");
      await phone.read(id);
      await phone.write({ id, condition: "absent" });
      phone.set("#tag", "short");
      await phone.press("#tagged", "list", "#tagged-outcome");
      const figures = { writeAtOnce: 12.3, readAtOnce: 45.6, writeInTurn: 1.2, readInTurn: 0.004 };
      phone.pretendWorkers({
        "kit-worker.mjs": [
          { plan: [{ title: "C6 the storage owns the channel", cases: 1 }] },
          { rule: 0, name: `C6_${"long_".repeat(40)}`, why: "w".repeat(300) },
        ],
        "throughput-worker.mjs": ["sessile", "idb-keyval", "localforage", "Dexie"].map((store, at) => ({
          store,
          figures,
          done: at + 1,
          of: 4,
        })),
      });
      await phone.press("#kit", "run", "#kit-outcome");
      await phone.press("#measure", "run", "#measure-outcome");
      const { documentElement } = document.querySelector("iframe").contentDocument;
      const isClipped = (one) => {
        const above = one.parentElement;
        return above !== null && (getComputedStyle(above).overflowX !== "visible" || isClipped(above));
      };
      const beyond = Array.from(documentElement.querySelectorAll("body *"))
        .filter(
          (one) => one.getBoundingClientRect().right > documentElement.clientWidth + 0.5 && !isClipped(one),
        )
        .map((one) => `${one.tagName} ${one.id || one.className}`);
      return { scrolls: documentElement.scrollWidth, width: documentElement.clientWidth, beyond };
    });
    assert.ok(wide.width <= 360 && wide.width > 300);
    assert.deepEqual(wide.beyond, []);
    assert.equal(wide.scrolls, wide.width);
  },

  async "light and dark, every text stands out from what is behind it"({ page }) {
    const schemes = await page.evaluate(async () => {
      await hands.write({ id: "seen", content: "x", tags: "user:17", idle: "30m" });
      await hands.lists("seen");
      await hands.read("seen");
      await hands.write({ id: "seen", condition: "absent" });

      /** What a scheme changes, by the page's own rules: engines cannot all be told to prefer one. */
      const rulesOf = (list, isDark) =>
        Array.from(list).flatMap((rule) => {
          if (rule.selectorText === ":root" && !isDark) return [rule.style];
          const { conditionText } = rule;
          if (!/prefers-color-scheme: *dark/.test(conditionText ?? "") || !isDark) return [];
          return Array.from(rule.cssRules).map(({ style }) => style);
        });
      const wear = (isDark) => {
        const rules = Array.from(document.styleSheets).flatMap(({ cssRules }) => rulesOf(cssRules, isDark));
        const names = new Set();
        for (const style of rules) {
          for (const name of Array.from(style).filter((name) => name.startsWith("--"))) {
            document.documentElement.style.setProperty(name, style.getPropertyValue(name));
            names.add(name);
          }
        }
        document.documentElement.style.colorScheme = isDark ? "dark" : "light";
        return names.size;
      };

      const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data;
      };
      const behind = (one) => {
        if (one === null) return [255, 255, 255];
        const own = rgba(getComputedStyle(one).backgroundColor);
        if (own[3] === 255) return own;
        const below = behind(one.parentElement);
        return [0, 1, 2].map((at) => below[at] + ((own[at] - below[at]) * own[3]) / 255);
      };
      // WCAG 2.2, relative luminance.
      const luminance = (color) =>
        [0.2126, 0.7152, 0.0722].reduce((sum, weight, at) => {
          const part = color[at] / 255;
          return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        }, 0);
      const texts = () =>
        Array.from(document.querySelectorAll("body *")).filter(
          (one) =>
            one.getClientRects().length > 0 &&
            !one.matches(":disabled, svg *") &&
            Array.from(one.childNodes).some(({ nodeType, data }) => nodeType === 3 && data.trim() !== ""),
        );
      return [false, true].map((isDark) => {
        const changed = wear(isDark);
        // No transition is to be measured half-way.
        for (const animation of document.getAnimations()) animation.finish();
        const faint = [];
        for (const one of texts()) {
          const { color, fontSize, fontWeight } = getComputedStyle(one);
          const [light, dark] = [luminance(rgba(color)), luminance(behind(one))].sort((a, b) => b - a);
          const isLarge = parseFloat(fontSize) >= (Number(fontWeight) >= 700 ? 18.66 : 24);
          const ratio = (light + 0.05) / (dark + 0.05);
          if (ratio < (isLarge ? 3 : 4.5))
            faint.push(`${one.tagName} ${one.textContent.trim().slice(0, 20)} ${ratio.toFixed(1)}`);
        }
        return { changed, faint, texts: texts().length, paper: luminance(behind(document.body)) };
      });
    });
    for (const { changed, faint, texts } of schemes) {
      assert.ok(changed >= 10, `${changed} colours`);
      assert.ok(texts > 40, `${texts} texts`);
      assert.deepEqual(faint, []);
    }
    const [light, dark] = schemes.map(({ paper }) => paper);
    assert.ok(light > 0.8 && dark < 0.05, `${light} and ${dark}`);
  },

  async "every field has its label, every button its words, and outcomes are spoken"({ page }) {
    const found = await page.evaluate(async () => {
      await hands.write({ id: "labelled", content: "x", tags: "t" });
      await hands.lists("labelled");
      const described = (one) => one.getAttribute("aria-label") ?? one.getAttribute("aria-labelledby") ?? "";
      const fields = Array.from(document.querySelectorAll("input, select, textarea"));
      const bars = Array.from(document.querySelectorAll("progress, meter"));
      const ids = Array.from(document.querySelectorAll("[id]"), ({ id }) => id);
      return {
        fields: fields.length,
        unlabelled: fields.filter((one) => one.labels.length === 0).map(({ name }) => name),
        silentBars: bars.filter((one) => described(one) === "").map(({ id }) => id),
        silentButtons: Array.from(document.querySelectorAll("button"))
          .filter((one) => one.textContent.trim() === "" && !one.closest("[hidden]"))
          .map(({ id }) => id),
        unspoken: Array.from(document.querySelectorAll(".outcome:not([role])")).length,
        twice: ids.filter((id, at) => ids.indexOf(id) !== at),
        sections: Array.from(document.querySelectorAll("section")).filter(
          (one) => !hands.at(`#${described(one)}`),
        ).length,
        lang: document.documentElement.lang,
      };
    });
    assert.ok(found.fields >= 14);
    const { fields, ...rest } = found;
    assert.deepEqual(rest, {
      unlabelled: [],
      silentBars: [],
      silentButtons: [],
      unspoken: 0,
      twice: [],
      sections: 0,
      lang: "en",
    });
  },

  async "the keyboard gets everywhere, and shows where it is"({ page, engine }) {
    await page.evaluate(async () => {
      await hands.write({ id: "by keys", content: "x" });
      await hands.lists("by keys");
      hands.at(".skip").focus();
    });
    const seen = [];
    for (let step = 0; step < 80; step += 1) {
      await page.press("Tab");
      const at = await page.evaluate(() => {
        const { activeElement: one } = document;
        if (one === document.body) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return {
          name: one.id || one.value || one.textContent.trim(),
          outline: `${outlineStyle} ${outlineWidth}`,
        };
      });
      if (at === null || at.name === seen[0]?.name) break;
      seen.push(at);
    }
    const names = seen.map(({ name }) => name);
    const wanted = [
      "by keys",
      "Invalidate",
      "id",
      "content",
      "write",
      "tag",
      "export",
      "import-file",
      "kit-run",
      "extent",
      "measure-run",
    ];
    for (const name of wanted) assert.ok(names.includes(name), `${name} is not among ${names.join(", ")}`);
    // Firefox gives a window that nobody sees no focus to show, wherever the keyboard is in it.
    if (engine === "firefox") return;
    for (const { name, outline } of seen) assert.equal(outline, "solid 3px", name);
  },

  async "Enter in the id's field writes"({ page }) {
    await page.evaluate(() => {
      hands.set("#id", "by enter");
      hands.at("#id").focus();
    });
    await page.press("Enter");
    await page.evaluate(() => hands.lists("by enter"));
  },

  async "the room that the browser gives is told, and can be asked for"({ page, engine }) {
    const room = await page.evaluate(async () => {
      await hands.until(() => hands.text("#quota") !== "…", "the quota");
      if (!navigator.storage) return { why: hands.text("#quota"), isGone: hands.at("#persist").hidden };
      const quota = hands.text("#quota");
      const persisted = hands.text("#persisted");
      const max = hands.at("#usage").max;
      // A browser that asks its user would wait for an answer.
      let asked = 0;
      let isKept = false;
      navigator.storage.persist = async () => {
        asked += 1;
        return isKept;
      };
      navigator.storage.persisted = async () => isKept;
      hands.at("#persist").click();
      const refused = await hands.said("#room-outcome");
      isKept = true;
      hands.at("#room-outcome").replaceChildren();
      hands.at("#persist").click();
      const agreed = await hands.said("#room-outcome");
      return {
        quota,
        persisted,
        max,
        asked,
        refused,
        agreed,
        after: hands.text("#persisted"),
        isGone: hands.at("#persist").hidden,
      };
    });
    // WebKitGTK has it switched off.
    if (engine === "webkit") {
      assert.deepEqual(room, { why: "this browser does not tell", isGone: true });
      return;
    }
    assert.match(room.quota, /^[\d.]+ (B|kB|MB|GB) of [\d.,]+ (MB|GB|TB)$/);
    assert.match(room.persisted, /^(kept until|may be removed)/);
    assert.ok(room.max > 1_000_000);
    assert.equal(room.asked, 2);
    assert.match(room.refused.text, /has not agreed/);
    assert.match(room.agreed.text, /keeps it from now on/);
    assert.match(room.after, /^kept until/);
    assert.ok(room.isGone);
  },
};
