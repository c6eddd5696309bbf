import { equal, same } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import expressSession from "express-session";
import ourSession from "sessile/express-session";
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
    const steps = Array.from({ length: 12 }, () => ({
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

describe("the drop-in's store fails as that of express-session", () => {
  const failures = { get: "/read", set: "/write", touch: "/untouched", destroy: "/logout" };
  for (const [method, path] of Object.entries(failures)) {
    for (const code of [undefined, "ENOENT"]) {
      it(`at ${method}, ${code ?? "without a code"}`, async () => {
        const seen = [];
        for (const session of Object.values(LIBRARIES)) {
          const store = recordingStore(session);
          const options = { store, resave: false, saveUninitialized: false };
          seen.push(
            await servedWith(session, { options, routes: routesOf }, async (browser) => {
              await browser.send("/write");
              store.failing[method] = Object.assign(new Error("boom"), { code });
              // An answer that is out when its error is met takes the connection with it.
              const headers = { connection: "close" };
              const answer = await browser.send(path, { headers });
              delete store.failing[method];
              return [answer, (await browser.send("/read")).body, store.calls];
            }),
          );
        }
        same(seen[1], seen[0]);
      });
    }
  }
});

describe("the drop-in's Cookie is as that of express-session", () => {
  const date = new Date(START + MINUTE);
  const given = [
    undefined,
    null,
    {},
    { maxAge: 0 },
    { maxAge: null },
    { maxAge: MINUTE, expires: date },
    { expires: date, maxAge: 2 * MINUTE },
    { maxAge: MINUTE, originalMaxAge: null },
    { originalMaxAge: 5, maxAge: MINUTE },
    { maxAge: MINUTE, originalMaxAge: 5 },
    { expires: "2026-01-05T12:00:00Z", originalMaxAge: 7 },
    { expires: false },
    { path: "", domain: "example.org", secure: true, httpOnly: false, sameSite: "NONE" },
    { path: "/a;b" },
    { domain: "a b" },
    { sameSite: "sometimes" },
    { priority: "HIGH", partitioned: true, own: "kept", data: "not" },
    { priority: "urgent" },
    { maxAge: "1000" },
    { expires: new Date(NaN) },
    "text",
  ];
  const changes = [
    () => {},
    (cookie) => (cookie.maxAge = 3 * MINUTE),
    (cookie) => (cookie.expires = date),
    (cookie) => (cookie.maxAge = cookie.originalMaxAge),
    (cookie) => (cookie.expires = null),
    (cookie) => (cookie.maxAge = "soon"),
  ];

  /** What one of them makes of it, an error as that there is one. */
  const told = ({ Cookie }, options, change) => {
    try {
      const cookie = new Cookie(options);
      change(cookie);
      const all = [cookie, cookie.data, cookie.maxAge, cookie.originalMaxAge, cookie.expires, cookie.own];
      return JSON.stringify([...all, cookie.serialize("name", "a value")]);
    } catch (error) {
      return error.constructor.name;
    }
  };

  for (const [index, options] of given.entries()) {
    it(`of ${JSON.stringify(options)}, ${index}`, () => {
      const restore = standingClock({ at: START });
      try {
        for (const change of changes) {
          equal(told(ourSession, options, change), told(expressSession, options, change), String(change));
        }
      } finally {
        restore();
      }
    });
  }
});
