import Koa from "koa";
import { koaSessions } from "sessile/koa";
import { app, type User } from "./app.js";

const server = new Koa();
server.use(koaSessions(app));
server.use(async (ctx) => {
  const { user, cart } = app.of(ctx);
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await cart.set([17]);
  // @ts-expect-error There is no such session.
  app.of(ctx).other;
  ctx.body = found?.name;
});

new Koa<{ theme: string }>().use(koaSessions(app)).use(async (ctx) => {
  const found: User | undefined = await ctx.sessions.user.get();
  // @ts-expect-error It holds no numbers.
  await ctx.sessions.cart.set([17]);
  ctx.body = `${ctx.state.theme} ${found?.name}`;
});
