// What the page has to complain of.
import assert from "node:assert/strict";

/** So often the page is asked for something before a complaint of it is missed. */
const ROUNDS = 500;

export const complaining = {
  async "a mistake of the page itself is not kept from its reader"(surroundings) {
    surroundings.isForgiving = true;
    const told = await surroundings.page.evaluate(async () => {
      dispatchEvent(new ErrorEvent("error", { error: new TypeError("nobody took this") }));
      await hands.until(() => !hands.at("#failure").hidden, "the failure");
      return hands.text("#failure");
    });
    assert.equal(told, "TypeError Nobody took this.");
  },

  async "no script runs that is not the page's own, and nothing is fetched"(surroundings) {
    const { page, takeErrors } = surroundings;
    surroundings.isForgiving = true;
    const attacked = await page.evaluate(async () => {
      const keptOut = () =>
        new Promise((resolve) => addEventListener("securitypolicyviolation", resolve, { once: true }));
      const first = keptOut();
      const script = document.createElement("script");
      script.textContent = "globalThis.attacked = true";
      document.body.append(script);
      await first;
      const second = keptOut();
      const fetched = await fetch("/api/session").then(
        () => "answered",
        () => "kept out",
      );
      await second;
      return { ran: globalThis.attacked ?? false, fetched };
    });
    assert.deepEqual(attacked, { ran: false, fetched: "kept out" });
    // Both are told to the driver, so that any other case would have failed by them.
    const told = [];
    for (let round = 0; round < ROUNDS && told.length < 2; round += 1) {
      await page.evaluate(() => null);
      told.push(...takeErrors().filter((error) => error.startsWith("kept out by")));
    }
    assert.equal(told.length, 2, told.join("\n"));
  },
};
