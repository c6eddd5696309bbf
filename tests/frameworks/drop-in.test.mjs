import { equal, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { EXPRESSES, LIBRARIES, recordingStore, servedWith, standingClock } from "./drop-in.mjs";
import { ACTIONS, routesOf } from "./drop-in-routes.mjs";

const MINUTE = 60_000;
const START = Date.parse("2026-01-05T12:00:00Z");

const BOTH = [true, false];
const COOKIES = {
  none: undefined,
  "an age": { maxAge: 60 * MINUTE },
  "a date": () => ({ expires: new Date(START + 90 * MINUTE) }),
  attributes: {
    path: "/",
    domain: "127.0.0.1",
    sameSite: "lax",
    priority: "high",
    partitioned: true,
    maxAge: MINUTE,
  },
  auto: { secure: "auto", sameSite: true, httpOnly: false },
  secure: { secure: true },
};
const STORES = {
  async: {},
  sync: { isSync: true },
  "without touch": { touches: false },
};

/** All that can be set together. */
function* combinations() {
  for (const [cookieName, cookie] of Object.entries(COOKIES)) {
    for (const [storeName, store] of Object.entries(STORES)) {
      for (const resave of BOTH) {
        for (const saveUninitialized of BOTH) {
          for (const rolling of BOTH) {
            for (const unset of ["keep", "destroy"]) {
              const options = { resave, saveUninitialized, rolling, unset };
              const name = `${Object.values(options).join(" ")}, cookie ${cookieName}, store ${storeName}`;
              yield { name, store, options: cookie === undefined ? options : { ...options, cookie } };
            }
          }
        }
      }
    }
  }
}

/** What one library does with the same requests: answers, calls of the store, errors. */
async function observed(session, { store: how, options, express, steps, proxied }) {
  const now = { at: START };
  const restore = standingClock(now);
  const store = recordingStore(session, how);
  const headers = proxied ? { "x-forwarded-proto": "https" } : {};
  try {
    const { seen, errors } = await servedWith(
      session,
      { express, routes: routesOf, options: { ...options, store, ...(proxied ? { proxy: true } : {}) } },
      async (browser) => {
        const answers = [];
        for (const { path, method, passes } of steps) {
          now.at += passes;
          answers.push(await browser.send(path, { method, headers }));
        }
        return answers;
      },
    );
    return { seen, errors, calls: store.calls, stored: [...store.stored] };
  } finally {
    restore();
  }
}

/** Fails with the first difference. */
function compare(theirs, ours, steps, name) {
  const at = (index) =>
    `${name}: ${steps
      .slice(0, index + 1)
      .map(({ path }) => path)
      .join(" ")}`;
  theirs.seen.forEach((answer, index) => same(ours.seen[index], answer, at(index)));
  theirs.calls.forEach((call, index) => same(ours.calls[index], call, `${at(steps.length)}: call ${index}`));
  equal(ours.calls.length, theirs.calls.length, `${at(steps.length)}: calls of the store`);
  same(ours.stored, theirs.stored, `${name}: what is stored`);
  same(ours.errors, theirs.errors, `${name}: errors`);
}

function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("the drop-in for express-session answers as that does", () => {
  const paths = Object.keys(ACTIONS);
  let seed = 0;
  for (const { name, ...given } of combinations()) {
    const random = randomFrom((seed += 1));
    const steps = Array.from({ length: 14 }, () => ({
      path: paths[random(paths.length)],
      method: random(12) === 0 ? "HEAD" : "GET",
      passes: random(5) === 0 ? 50 * MINUTE : 1_000,
    }));
    const express = EXPRESSES[seed % 2];
    const proxied = random(3) === 0;
    it(name, async () => {
      const scenario = { ...given, express, steps, proxied };
      const theirs = await observed(LIBRARIES["express-session"], scenario);
      compare(theirs, await observed(LIBRARIES.sessile, scenario), steps, name);
    });
  }
});
