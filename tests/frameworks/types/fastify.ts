import { fastify } from "fastify";
import { fastifySessions } from "sessile/fastify";
import { app, type User } from "./app.js";

const server = fastify();
await server.register(fastifySessions(app));
server.register(fastifySessions(app), { prefix: "/inner" });
server.get("/", async (request, reply) => {
  const { user, cart } = app.of(request);
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await cart.set([17]);
  // @ts-expect-error There is no such session.
  app.of(request).other;
  return reply.send(found?.name);
});

const secure = fastify({ http2: true });
await secure.register(fastifySessions(app));
