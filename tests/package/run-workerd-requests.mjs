// Sessions of several real requests in one workerd: `run-workerd-requests.mjs APP`.
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { equal, same } from "./expect.mjs";
import { COUNTS_MARK, describe, it, run } from "./harness.mjs";
import { workerModules } from "./workerd-bundle.mjs";

const [app] = process.argv.slice(2);
const modules = await workerModules(app, "workerd-requests.mjs");
const worker = { compatibilityDate: "2025-01-01", modulesRoot: join(app, "workerd"), modules };

async function withWorker(work) {
  const miniflare = new Miniflare(worker);
  try {
    const ask = (path, cookie) =>
      miniflare.dispatchFetch(`http://worker${path}`, { headers: cookie === undefined ? {} : { cookie } });
    const begun = await ask("/add");
    const [cookie] = begun.headers.getSetCookie()[0].split(";", 1);
    await work(ask, cookie);
  } finally {
    await miniflare.dispose();
  }
}

describe("requests of one worker", () => {
  it("S1_20_parallel_requests_count_to_20", () =>
    withWorker(async (ask, cookie) => {
      await ask("/begin?together=20");
      const all = await Promise.all(Array.from({ length: 20 }, () => ask("/add", cookie)));
      same(
        all.map(({ status }) => status),
        Array(20).fill(200),
      );
      await ask("/begin?together=0");
      same(await (await ask("/read", cookie)).json(), { count: 21 });
    }));

  it("S1_one_that_workerd_gives_up_in_its_turn_holds_up_nobody", () =>
    withWorker(async (ask, cookie) => {
      await ask("/begin?together=8&hangs");
      const ended = await Promise.allSettled(
        Array.from({ length: 8 }, async () => (await ask("/add", cookie)).status),
      );
      const good = ended.filter(({ value }) => value === 200).length;
      equal(good, 7, "requests that were answered");
      await ask("/begin?together=0");
      same(await (await ask("/read", cookie)).json(), { count: 8 });
    }));
});

const counts = await run(console.log);
console.log(COUNTS_MARK + JSON.stringify(counts));
process.exit(counts.failed > 0 ? 1 : 0);
