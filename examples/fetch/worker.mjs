// An edge worker: workerd, and whatever else exports a `fetch`. In memory, so a worker that is started anew knows nobody.
import { SessionStorageMemory } from "sessile";
import { application } from "./app.mjs";

const storage = new SessionStorageMemory({ idleTimeout: "30m", absoluteTimeout: "7d", maxSessions: 100_000 });
let handler;

export default {
  fetch(request, env) {
    handler ??= application(storage, env.SESSION_SECRET);
    return handler(request);
  },
};
