// bun run bun.mjs
import { directorySessionStorage } from "sessile";
import { application } from "./app.mjs";

const { PORT = "3000", SESSIONS = "./sessions", SESSION_SECRET } = Bun.env;
const storage = directorySessionStorage(SESSIONS, { idleTimeout: "30m", absoluteTimeout: "7d" });

const server = Bun.serve({ port: Number(PORT), fetch: application(storage, SESSION_SECRET) });
console.log(`http://localhost:${server.port}`);
