import process from "node:process";
import { building } from "$app/env";
import { cookie, directorySessionStorage, sessions } from "sessile";

const { SESSIONS = "./sessions", SESSION_SECRET = "for development, known to everybody" } = process.env;
if (!building && process.env.SESSION_SECRET === undefined)
  console.warn("SESSION_SECRET is not set: never do so in production");

export const app = sessions({
  user: cookie("sid", directorySessionStorage(SESSIONS, { idleTimeout: "30m", absoluteTimeout: "7d" }), {
    secrets: [SESSION_SECRET],
  }),
});
