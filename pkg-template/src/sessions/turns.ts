/** Those who wait for their turn over a session, and how far they are. */
interface Queue {
  last: Promise<unknown>;
  /** How many have had their turn. */
  ended: number;
}

const queues = new WeakMap<object, Map<string, Queue>>();

/** In milliseconds: a queue in which nobody has come to an end for so long is waited for no more. */
const PATIENCE = 1_000;

/**
 * Lets those who met a conflict over the same session go one after another. Else two hundred of them would all load, one
 * would write, and the last would be through after two hundred rounds.
 *
 * Only a courtesy: one whose storage hangs, or whose request an edge worker has given up together with all it waited for,
 * holds up nobody for long.
 */
export async function inTurn<R>(storage: object, id: string, work: () => Promise<R>): Promise<R> {
  let waiting = queues.get(storage);
  if (waiting === undefined) queues.set(storage, (waiting = new Map()));
  let queue = waiting.get(id);
  const mine = queue === undefined ? work() : waitFor(queue).then(work);
  if (queue === undefined) waiting.set(id, (queue = { last: mine, ended: 0 }));
  const settled = mine.then(
    () => {},
    () => {},
  );
  queue.last = settled;
  try {
    return await mine;
  } finally {
    queue.ended += 1;
    if (queue.last === settled) waiting.delete(id);
  }
}

async function waitFor(queue: Queue): Promise<void> {
  const before = queue.last;
  for (let isOver = false; !isOver;) {
    const { ended } = queue;
    let timer;
    const patience = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), PATIENCE);
    });
    const isStuck = await Promise.race([before.then(() => false), patience]);
    clearTimeout(timer);
    isOver = !isStuck || queue.ended === ended;
  }
}
