// Machines whose clocks are an hour apart: sessions end by the server's time, for each of them.
import { fork } from "node:child_process";
import process from "node:process";
import { equal } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { libraries } from "./clients.mjs";
import { startServer, until } from "./servers.mjs";

const HOUR = 3_600_000;
const CLOCKS = { right: 0, ahead: HOUR, behind: -HOUR };

/** A process with such a clock; its storages' methods answer as here. */
function startProcess(library, url, shift) {
  const child = fork(new URL("clock-child.mjs", import.meta.url), [library, url], {
    execArgv: ["--import", new URL("shifted-clock.mjs", import.meta.url).href],
    env: { ...process.env, CLOCK_SHIFT: String(shift) },
  });
  const waiting = new Map();
  let asked = 0;
  child.on("message", ({ number, ...answer }) => {
    waiting.get(number).resolve(answer);
    waiting.delete(number);
  });
  child.on("exit", () => waiting.forEach(({ reject }) => reject(new Error("the process ended"))));
  const ask = (on, method, ...args) =>
    new Promise((resolve, reject) => {
      asked += 1;
      waiting.set(asked, { resolve, reject });
      child.send({ number: asked, on, method, args });
    }).then(({ value, code }) => {
      if (code !== undefined) throw new Error(code);
      return value;
    });
  const methods = (on) =>
    new Proxy(
      {},
      {
        get:
          (_, method) =>
          (...args) =>
            ask(on, method, ...args),
      },
    );
  return {
    storage: methods("storage"),
    cache: methods("cache"),
    time: () => ask("clock", "time"),
  };
}

for (const name of Object.keys(libraries)) {
  let started;
  /** One server, and a process for each clock, for all of a library's tests. */
  const start = async () => {
    const server = await startServer();
    const processes = Object.entries(CLOCKS).map(([clock, shift]) => [
      clock,
      startProcess(name, server.url, shift),
    ]);
    const time = async () => {
      const [seconds, micros] = (await server.command("TIME")).match(/^\d+(?=\r)/gm).map(Number);
      return seconds * 1_000 + micros / 1_000;
    };
    return { server, processes, time };
  };
  const together = (body) => async () => {
    started ??= start();
    await body(await started);
    await (await started).server.command("FLUSHALL");
  };

  describe(`clocks an hour apart over ${name}`, () => {
    it(
      "are what they are said to be",
      together(async ({ processes, time }) => {
        for (const [clock, { time: own }] of processes) {
          const apart = (await own()) - (await time()) - CLOCKS[clock];
          equal(Math.abs(apart) < 60_000, true, `whether ${clock} is`);
        }
      }),
    );

    it(
      "give every session its time by the server's",
      together(async ({ processes, time }) => {
        for (const [writes, writer] of processes) {
          const before = await time();
          await writer.storage.setJson(writes, { writes }, { idleTimeout: "30m", absoluteTimeout: "50m" });
          for (const [reads, reader] of processes) {
            const what = `what is written by ${writes} and read by ${reads}`;
            equal((await reader.storage.getJson(writes))?.writes, writes, what);
            equal(await reader.storage.touch(writes), true, `${what}, touched`);
            const info = await reader.storage.info(writes);
            const lasts = info.expiresAt - before;
            equal(
              lasts >= 30 * 60_000 && lasts < 31 * 60_000,
              true,
              `${what}: whether it lasts as long, ${lasts}`,
            );
            equal(Math.abs(info.createdAt - before) < 60_000, true, `${what}: createdAt`);
            const { revision } = info;
            await reader.storage.setJson(writes, { writes }, { ifRevision: revision });
          }
        }
      }),
    );

    for (const on of ["storage", "cache"]) {
      it(
        `end a session for all of them, not before its time, in a ${on}`,
        together(async ({ processes, time }) => {
          const began = await time();
          for (const [writes, writer] of processes)
            await writer[on].setJson(writes, 1, { absoluteTimeout: 500 });
          const ended = processes.flatMap(([, reader]) =>
            Object.keys(CLOCKS).map(async (writes) => {
              const isOver = async () => (await reader[on].getJson(writes)) === undefined;
              await until(isOver, `what ${writes} has written does not end`);
              equal((await time()) - began >= 500, true, "whether it was over too early");
              equal(await reader[on].touch(writes), false, "touch()");
            }),
          );
          await Promise.all(ended);
        }),
      );
    }

    it(
      "undo no logout, and stop no session after it",
      together(async ({ processes }) => {
        for (const [writes, writer] of processes) {
          await writer.storage.setJson(writes, 1, { idleTimeout: "30m" });
          for (const [ends, ender] of processes) {
            await ender.storage.invalidate(writes);
            for (const [, reader] of processes)
              equal(await reader.storage.getJson(writes), undefined, `after ${ends} has ended it`);
            await writer.storage.setJson(writes, 2, { idleTimeout: "30m" });
            for (const [, reader] of processes)
              equal(await reader.storage.getJson(writes), 2, `what is made after ${ends} has ended it`);
          }
        }
      }),
    );

    it(
      "are none of a cache's concern either",
      together(async ({ processes }) => {
        for (const [writes, writer] of processes) {
          await writer.cache.setJson(writes, 1, { idleTimeout: "30m" });
          for (const [reads, reader] of processes) {
            const what = `what is written by ${writes} and read by ${reads}`;
            for (const round of [1, 2]) equal(await reader.cache.getJson(writes), 1, `${what}, ${round}`);
            equal(await reader.cache.touch(writes), true, `${what}, touched`);
          }
          for (const [, reader] of processes)
            equal(await reader.storage.getJson(writes), 1, "what has become of it");
        }
      }),
    );
  });
}
