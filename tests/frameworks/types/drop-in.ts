import express from "express";
import { SessionStorageMemory } from "sessile";
import session, { MemoryStore, Store, type SessionData } from "sessile/express-session";
import "sessile/express-session/request";

declare module "sessile/express-session" {
  interface SessionData {
    declared?: string;
  }
}

const sessions = session<{ views: number; cart: { items: string[] } }>({
  secret: ["newest", Buffer.from("older")],
  store: new SessionStorageMemory(),
  storeOptions: { tags: (content) => [String(content.views)], touchAfter: "1m" },
  cookie: (request) => ({ secure: "auto", path: String(request.path), maxAge: 1_000 }),
  compat: "strict",
});
const options: session.SessionOptions = { secret: "one", store: new MemoryStore({ maxSessions: 10 }) };

class OwnStore extends session.Store {
  get(_id: string, callback: (error: unknown, content?: SessionData | null) => void): void {
    callback(null, null);
  }
  set(_id: string, content: SessionData, callback?: (error?: unknown) => void): void {
    callback?.(content.cookie.maxAge);
  }
  destroy(_id: string, callback?: () => void): void {
    callback?.();
  }
}
export const own: Store = new OwnStore();

const server = express();
server.use(sessions, session(options), session({ secret: "", store: own, unset: "destroy" }));
server.get("/", async (req, res) => {
  const found = sessions.of(req);
  const views: number = found.views ?? 0;
  found.cart?.items.push("tea");
  // @ts-expect-error It is a number.
  found.views = "many";
  const declared: string | undefined = req.session.declared;
  // @ts-expect-error Nobody has declared it.
  req.session.other;
  await req.session.save();
  await req.session.update((stored) => (stored.views = views));
  req.session.regenerate((error) => void error);
  req.session.cookie.maxAge = 1_000;
  const id: string = req.sessionID;
  res.send([declared, id, found.id, found.cookie.expires]);
});
