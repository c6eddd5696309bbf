// Requests of one round of a race wait here for each other: what collides on a busy server now and then does so
// each time. Whoever waits in vain, as where requests do not share a process, goes on after a while.

/** In milliseconds: how long a request waits for others. One that waits for a logout waits for what that waits for. */
const patience = { others: 1500, logout: 2500 };

/** Rounds whose requests may be under way; a new one takes the place of the oldest. */
const mostRounds = 1000;

/** Requests that one round lets wait: more come from no button. The rest do not wait. */
const mostWaiting = 100;

/** Requests of the 50 that have read before any of them writes. */
const groupSize = 5;

const rounds = new Map();

/** Resolves when as many requests as make a group have come to this line. */
export async function untilOthersRead(name) {
  const { readers } = round(name);
  const place = readers.come();
  await readers.reach(Math.ceil(place / groupSize) * groupSize, patience.others);
}

/** Says that a request has loaded the session, and resolves when the logout is through. */
export async function untilLogout(name) {
  const { loaded, logouts } = round(name);
  loaded.come();
  await logouts.reach(1, patience.logout);
}

/** Resolves when so many requests wait for the logout. */
export const untilLoaded = (name, count) => round(name).loaded.reach(count, patience.others);

/** Lets those go on that wait for the logout. */
export const loggedOut = (name) => void round(name).logouts.come();

function round(name) {
  let found = rounds.get(name);
  if (!found) {
    if (rounds.size === mostRounds) rounds.delete(rounds.keys().next().value);
    found = { readers: new Line(), loaded: new Line(), logouts: new Line() };
    rounds.set(name, found);
  }
  return found;
}

// Counts who has come, and wakes those who wait for so many.
class Line {
  #come = 0;
  #waiting = new Set();

  come() {
    this.#come += 1;
    for (const one of this.#waiting) if (one.count <= this.#come) one.wake();
    return this.#come;
  }

  async reach(count, milliseconds) {
    if (this.#come >= count || this.#waiting.size === mostWaiting) return;
    let timer;
    const one = { count };
    const woken = new Promise((resolve) => {
      one.wake = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    this.#waiting.add(one);
    await woken;
    this.#waiting.delete(one);
    clearTimeout(timer);
  }
}
