import express from "express";
import { app, type User } from "./app.js";

const server = express();
server.use(app.express({ onError: (error) => console.error(error) }));
server.get("/", async (request, response) => {
  const { user, cart } = app.of(request);
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await cart.set([17]);
  // @ts-expect-error There is no such session.
  app.of(request).other;
  response.json(found?.name);
});
