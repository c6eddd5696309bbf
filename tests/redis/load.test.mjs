// Application processes under load on a cluster, of which a master is killed by SIGKILL, and then one of the processes: no write
// is lost that was acknowledged and that Redis itself has kept (canaries.mjs tells which those are), no ended session comes back,
// every failure is typed and in time, and all calls work when the cluster does. A minute; with `LONG=1` ten, in rounds.
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { RedisStorage } from "sessile/redis";
import { equal } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { canaryKey, slotOfName } from "./canaries.mjs";
import { libraries } from "./clients.mjs";
import { judge, Ledger, now, TIMEOUT } from "./ledger.mjs";
import { startCluster, until } from "./servers.mjs";

const MASTERS = 3;
const MINUTES = process.env.LONG === undefined ? 0 : 10;
/** How long the load goes on undisturbed between what happens, in milliseconds. */
const STRETCH = MINUTES === 0 ? 7_000 : 10_000;
/** How much of what it has acknowledged a master that is killed has not yet sent to its replica, in milliseconds. */
const LAG = 300;

class App {
  #child;
  #ended;
  #mayEnd = false;

  constructor(library, writer, urls, ledger) {
    this.library = library;
    this.writer = writer;
    const program = fileURLToPath(new URL("load-app.mjs", import.meta.url));
    this.#child = spawn(process.execPath, [program, library, writer, ...urls], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: this.#child.stdout });
    this.ready = new Promise((resolve) => {
      lines.on("line", (line) => {
        // The last one may have been cut by the kill.
        if (!line.endsWith("]")) return;
        const told = JSON.parse(line);
        if (told[0] === "ready") resolve();
        else ledger.take(writer, told);
      });
    });
    this.#ended = Promise.all([once(this.#child, "close"), once(lines, "close")]);
    this.#child.on("exit", (code) => {
      if (!this.#mayEnd) ledger.faults.push(`${writer} ended by itself, with ${code}`);
    });
  }

  async kill() {
    this.#mayEnd = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Lets it end what it does. */
  async end() {
    this.#mayEnd = true;
    this.#child.stdin.end();
    const [[code]] = await this.#ended;
    equal(code, 0, `how ${this.writer} ended`);
  }

  /** Whatever becomes of the test. */
  remove() {
    this.#mayEnd = true;
    this.#child.kill("SIGKILL");
  }
}

/** The masters as this port's server sees them: `{ port, epoch, first, last }`. */
async function mastersBy(server) {
  const nodes = (await server.command("CLUSTER", "NODES")).split("\n").map((line) => line.split(" "));
  return nodes
    .filter(
      (words) =>
        words[2]?.includes("master") && !words[2].includes("fail") && /^\d+-\d+/.test(words[8] ?? ""),
    )
    .map((words) => {
      const [first, last] = words[8].split("-").map(Number);
      return { port: Number(/:(\d+)@/.exec(words[1])[1]), epoch: Number(words[6]), first, last };
    })
    .sort((a, b) => a.first - b.first);
}

const seconds = (milliseconds) => (milliseconds / 1_000).toFixed(1);

async function underLoad() {
  const { servers, urls } = await startCluster(MASTERS, { replicas: true });
  const byPort = new Map(servers.map((server) => [server.port, server]));
  const masters = await mastersBy(servers[0]);
  equal(masters.length, MASTERS, "masters");
  const shardOf = (slot) => masters.findIndex(({ first, last }) => slot >= first && slot <= last);
  const ledger = new Ledger(shardOf);
  /** From when on nothing of a shard can have been lost. */
  const settled = masters.map(() => -Infinity);
  const apps = [];
  const libraryOf = new Map();
  let started = 0;
  const startApp = async (library) => {
    started += 1;
    const app = new App(library, `app${started}`, urls, ledger);
    apps.push(app);
    libraryOf.set(app.writer, library);
    await app.ready;
    return app;
  };
  const check = () => equal(ledger.faults[0], undefined, "a fault");

  /** Everybody gets on, and nobody has failed for as long as a call may take. */
  const isCalm = async () => {
    const from = now();
    const before = new Map(ledger.doneBy);
    await until(
      () => {
        check();
        return apps.every(
          ({ writer }) =>
            now() - Math.max(from, ledger.lastFailure.get(writer) ?? 0) > TIMEOUT + 500 &&
            (ledger.doneBy.get(writer) ?? 0) > (before.get(writer) ?? 0) + 50,
        );
      },
      "not all calls work again",
      30,
    );
  };

  const killMaster = async (shard) => {
    const master = byPort.get(masters[shard].port);
    const told = await master.command("INFO", "replication");
    const replica = byPort.get(Number(/slave0:.*?port=(\d+)/.exec(told)[1]));
    // It cannot come back for the rest before it goes on.
    replica.signal("SIGSTOP");
    await master.command("CLIENT", "KILL", "TYPE", "replica");
    await pause(LAG);
    await master.stop();
    replica.signal("SIGCONT");
    const witness = servers.find((server) => server !== master);
    let taken;
    const isTaken = async () => {
      taken = (await mastersBy(witness)).find(({ first }) => first === masters[shard].first);
      const info = await witness.command("CLUSTER", "INFO");
      return taken !== undefined && taken.port !== master.port && info.includes("cluster_state:ok");
    };
    await until(isTaken, "no replica has taken over");
    masters[shard] = taken;
    settled[shard] = now();
    return master;
  };

  try {
    await Promise.all(["redis", "ioredis", "redis"].map(startApp));
    const began = now();
    let rounds = 0;
    do {
      const shard = rounds % MASTERS;
      await pause(STRETCH);
      check();
      const master = await killMaster(shard);
      await isCalm();
      await pause(STRETCH);
      await master.start();
      await until(
        async () => (await master.command("INFO", "replication")).includes("role:slave"),
        "no replica",
      );
      await master.follows();
      await isCalm();
      await pause(STRETCH);
      const [killed] = apps.splice(rounds % apps.length, 1);
      await killed.kill();
      ledger.gone(killed.writer);
      await startApp(killed.library);
      await isCalm();
      rounds += 1;
      if (MINUTES > 0) console.log(`  round ${rounds}: ${ledger.done} calls done`);
    } while (now() - began < MINUTES * 60_000);
    const calmSince = now();
    await pause(STRETCH);
    for (const app of apps) {
      await app.end();
      equal(
        (ledger.lastFailure.get(app.writer) ?? 0) < calmSince,
        true,
        `whether all calls of ${app.writer} work`,
      );
    }
    const took = now() - began;

    // A failover that nobody asked for is the machine's: then only canaries tell what was kept.
    for (const [shard, { port, epoch }] of (await mastersBy(servers[0])).entries())
      if (port !== masters[shard].port || epoch !== masters[shard].epoch) settled[shard] = Infinity;

    const client = await libraries.redis.cluster(urls);
    const canary = async (who, name) => Number((await client.get(canaryKey(who, name))) ?? 0);
    const storage = new RedisStorage(client);
    const settledFor = (name) => settled[shardOf(slotOfName(name))];
    const { faults, lost, proven } = await judge(ledger, storage, canary, settledFor);
    client.destroy();
    equal(faults.slice(0, 9).join("\n"), "", `${faults.length} faults`);
    for (const [what, count] of Object.entries(proven))
      equal(count > 0, true, `whether any ${what} were proven`);

    const codes = [...ledger.failures].map(([code, count]) => `${count} ${code}`).join(", ");
    const pauses = ["redis", "ioredis"].map((library) => {
      const own = [...ledger.pauses].filter(([who]) => libraryOf.get(who.split(" ")[0]) === library);
      return `${seconds(Math.max(...own.map(([, longest]) => longest)))} s over ${library}`;
    });
    console.log(
      `  ${seconds(took)} s, ${rounds} masters and ${rounds} processes killed: ${ledger.done} calls done, ` +
        `failed: ${codes}; no writes for at most ${pauses.join(", ")}; lost by replication: ` +
        `${lost.counts} counts, ${lost.logouts} logouts; proven to be kept: ${proven.counts} counts, ` +
        `${proven.logouts} logouts, ${proven.batches} tags`,
    );
  } finally {
    for (const app of apps) app.remove();
    for (const server of servers) await server.end();
  }
}

describe("a cluster under load", () => {
  it("loses nothing that Redis keeps when a master and a process are killed", underLoad, {
    patience: (MINUTES + 3) * 60_000,
  });
});
