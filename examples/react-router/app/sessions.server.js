import process from "node:process";
import { cookie, directorySessionStorage, sessions } from "sessile";
import { sessionsMiddleware } from "sessile/react-router";

const { SESSIONS = "./sessions", SESSION_SECRET = "for development, known to everybody" } = process.env;
if (process.env.SESSION_SECRET === undefined)
  console.warn("SESSION_SECRET is not set: never do so in production");

// Behind a proxy that speaks https, give the cookie `trustProxy: true`.
export const withSessions = sessionsMiddleware(
  sessions({
    user: cookie("sid", directorySessionStorage(SESSIONS, { idleTimeout: "30m", absoluteTimeout: "7d" }), {
      secrets: [SESSION_SECRET],
    }),
  }),
);
