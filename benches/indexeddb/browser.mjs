// Pages of a browser that may stop answering: each has a browser of its own, and a bounded time.
import { openPage } from "../../tests/package/browser.mjs";
import { rest } from "../measuring/folders.mjs";

const ATTEMPTS = 4;

/** A page that has not ended its work in time. */
class Lost extends Error {}

/**
 * Calls `work(page)` with a page at `url`, in a browser that was just started and keeps its databases in the folder
 * `profile()`. If it has not ended within `bound` milliseconds, the browser is killed, the loss told, and all begun
 * anew, a few times; then the answer is undefined.
 */
export async function onFreshPage({ engine, url, profile, bound, what }, work) {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      await rest();
      return await once({ engine, url, profile: profile(), bound }, work);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      console.log(
        `Lost: ${engine}, ${what}: no end after ${bound / 1_000} s (attempt ${attempt} of ${ATTEMPTS}).`,
      );
    }
  }
  return undefined;
}

async function once({ engine, url, profile, bound }, work) {
  const page = await openPage(engine, { profile });
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Lost()), bound);
  });
  const visit = async () => {
    await page.goto(url);
    const result = await work(page);
    if (page.errors.length > 0) throw new Error(`on the page of ${engine}: ${page.errors[0]}`);
    // What it keeps shall be there for the next.
    await page.close();
    return result;
  };
  try {
    return await Promise.race([visit(), late]);
  } catch (error) {
    await page.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
