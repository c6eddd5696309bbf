import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { honoSessions, type HonoSessions } from "sessile/hono";
import { app, type User } from "./app.js";

export const server = new Hono().use(honoSessions(app)).get("/", async (c) => {
  const { user, cart } = c.get("sessions");
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await c.var.sessions.cart.set([17]);
  // @ts-expect-error There is no such session.
  c.get("sessions").other;
  // @ts-expect-error Nothing else was added.
  c.get("other");
  return c.json({ name: found?.name, books: await cart.get() });
});

server.use("/path/*", honoSessions(app));

// An application whose types are declared, as they are in files of their own.
type Env = HonoSessions<typeof app>;
const inner = new Hono<Env>();
inner.get("/", honoSessions(app), async (c) => {
  await c.get("sessions").user.set({ name: "Ada" });
  // @ts-expect-error It holds no numbers.
  await c.get("sessions").user.set(17);
  return c.text("ok");
});
export const isLoggedIn = createMiddleware<Env>(async (c, next) => {
  if ((await c.get("sessions").user.get()) === undefined) return c.redirect("/login");
  return next();
});
