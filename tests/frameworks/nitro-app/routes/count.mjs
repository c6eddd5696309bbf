import { app } from "../lib/sessions.mjs";

export default async (event) =>
  app.of(event).user.update((user) => ({ ...user, count: (user?.count ?? 0) + 1 }));
