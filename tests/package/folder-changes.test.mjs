// `broadcastChanges` between the threads of one process, over a folder.
import { Worker } from "node:worker_threads";
import { testCachesInThreads } from "./cache-workers.mjs";
import { makeFolder, removeFolder } from "./folders.mjs";

const connect = `
  import { parentPort } from "node:worker_threads";
  const connect = (answer) => {
    parentPort.on("message", async ({ number, question }) =>
      parentPort.postMessage({ number, answer: await answer(question) }));
  };`;

function startThread(script) {
  const source = `data:text/javascript,${encodeURIComponent(`${connect}${script}`)}`;
  const worker = new Worker(new URL(source));
  let number = 0;
  const waiting = new Map();
  worker.on("message", ({ number, answer }) => waiting.get(number)(answer));
  worker.on("error", (error) => {
    throw error;
  });
  return {
    ask: (question) =>
      new Promise((resolve) => {
        number += 1;
        waiting.set(number, resolve);
        worker.postMessage({ number, question });
      }),
    end: () => worker.terminate(),
  };
}

testCachesInThreads("a folder", { makePlace: makeFolder, removePlace: removeFolder, startThread });
