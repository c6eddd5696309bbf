// `broadcastChanges` between a page and its worker, over a database.
import { testCachesInThreads } from "./cache-workers.mjs";
import { nameDatabase, removeDatabase } from "./databases.mjs";

const connect = `
  const connect = (answer) => {
    onmessage = async ({ data: { number, question } }) => postMessage({ number, answer: await answer(question) });
  };`;

function startThread(script) {
  const url = URL.createObjectURL(new Blob([connect, script], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  let number = 0;
  const waiting = new Map();
  worker.onmessage = ({ data }) => waiting.get(data.number)(data.answer);
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        number += 1;
        waiting.set(number, resolve);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ number, question });
      }),
    end() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

testCachesInThreads("a database", { makePlace: nameDatabase, removePlace: removeDatabase, startThread });
