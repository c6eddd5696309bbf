// Our storages inside other libraries, as far as types go: `stores-types.test.mjs` compiles it.
import fastifySession from "@fastify/session";
import { useSession } from "@hono/session";
import { betterAuth } from "better-auth";
import { RedisStore } from "connect-redis";
import server from "express";
import session from "express-session";
import Fastify from "fastify";
import { Hono } from "hono";
import Keyv from "keyv";
import { SessionStorageMemory } from "sessile";
import dropIn from "sessile/express-session";
import {
  betterAuthStorage,
  expressSessionStore,
  fastifySessionStore,
  honoSessionStorage,
  keyvStore,
  unstorageDriver,
} from "sessile/stores";
import { createStorage, type Driver } from "unstorage";

declare module "express-session" {
  interface SessionData {
    userId?: number;
  }
}

const storage = new SessionStorageMemory();

export const store = expressSessionStore(session, storage, {
  idleTimeout: "1d",
  tags: ({ userId }) => (userId === undefined ? [] : [`user:${userId}`]),
});
export const itsStore: session.Store = store;
export const express = session({ store, secret: "", resave: false, saveUninitialized: false });
export const revoked: Promise<number> = store.invalidateTagged("user:17");
store.on("connect", () => {});
store.get("id", (error: unknown, found) => found?.cookie.maxAge ?? error);

// What was declared for express-session holds for the drop-in, and so do its stores.
declare const client: ConstructorParameters<typeof RedisStore>[0]["client"];
for (const one of [new session.MemoryStore(), new RedisStore({ client }), storage, store]) {
  server().use(dropIn({ store: one, secret: "", resave: false }), (req, res) => {
    const userId: number | undefined = req.session.userId;
    req.session.save((error) => res.json([error, userId]));
  });
}
export const inDropIn = expressSessionStore(dropIn, storage);

const fastifyStore = fastifySessionStore(storage);
void Fastify().register(fastifySession, { secret: "", store: fastifyStore });

export const hono = new Hono().use(honoSessionStorage(storage, { idleTimeout: "30m" }), useSession());
hono.get("/", async (c) => c.json(await c.var.session.get()));

export const driver: Driver = unstorageDriver(storage, { ttl: "1h", listKeys: true });
export const items = createStorage({ driver });

export const auth = betterAuth({ secondaryStorage: betterAuthStorage(storage) });

export const keyv = new Keyv({ store: keyvStore(storage), namespace: "news" });
