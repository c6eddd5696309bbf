import { H3, defineHandler, defineMiddleware } from "h3";
import { h3Sessions } from "sessile/h3";
import { app, type User } from "./app.js";

export const server = new H3().use(h3Sessions(app)).get("/", async (event) => {
  const { user, cart } = app.of(event);
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await cart.set([17]);
  // @ts-expect-error There is no such session.
  app.of(event).other;
  return { name: found?.name, books: await cart.get() };
});

server.use("/path/**", h3Sessions(app));

// As a file in Nitro's `middleware/`, or of one route.
export const middleware = defineMiddleware(h3Sessions(app));
export const route = defineHandler({
  middleware: [h3Sessions(app)],
  handler: async (event) => app.of(event).user.set({ name: "Ada" }),
});
