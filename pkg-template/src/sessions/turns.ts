const turns = new WeakMap<object, Map<string, Promise<unknown>>>();

/**
 * Lets those who met a conflict over the same session go one after another. Else two hundred of them would all load, one
 * would write, and the last would be through after two hundred rounds.
 */
export async function inTurn<R>(storage: object, id: string, work: () => Promise<R>): Promise<R> {
  let waiting = turns.get(storage);
  if (waiting === undefined) turns.set(storage, (waiting = new Map()));
  const before = waiting.get(id);
  const mine = before === undefined ? work() : before.then(work, work);
  waiting.set(id, mine);
  try {
    return await mine;
  } finally {
    if (waiting.get(id) === mine) waiting.delete(id);
  }
}
