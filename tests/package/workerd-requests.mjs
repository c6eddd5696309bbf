// A worker with a session, asked by real requests at the same time: each has timers and promises of its own, and workerd
// gives up one that waits for what never comes.
import { SessionStorageMemory, cookie, sessions } from "sessile";

const memory = new SessionStorageMemory();
let together = 0;
let arrived = 0;
let loads = 0;
let hangsAt;

const storage = {
  capabilities: memory.capabilities,
  write: (...given) => memory.write(...given),
  read: (...given) => memory.read(...given),
  invalidate: (id) => memory.invalidate(id),
  async get(id) {
    loads += 1;
    const mine = loads;
    if (mine === hangsAt) await new Promise(() => {});
    const found = await memory.get(id);
    // Nobody writes before all have loaded.
    arrived += 1;
    while (arrived < together) await scheduler.wait(1);
    return found;
  },
  async set(...given) {
    await scheduler.wait(1);
    return memory.set(...given);
  },
};

const app = sessions({ user: cookie("user", storage) });

const add = app.fetch(async (_request, { user }) => {
  const { count } = await user.update((value) => ({ count: (value?.count ?? 0) + 1 }));
  await user.commit();
  return new Response(String(count));
});

const read = app.fetch(async (_request, { user }) => Response.json(await user.get()));

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/add") return add(request);
    if (pathname === "/read") return read(request);
    // Of the next requests, so many load before one writes; one load later, the next one hangs.
    together = Number(searchParams.get("together"));
    hangsAt = searchParams.has("hangs") ? together + 1 : undefined;
    arrived = loads = 0;
    return new Response(null, { status: 204 });
  },
};
