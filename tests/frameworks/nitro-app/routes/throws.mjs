import { HTTPError } from "nitro/deps/h3";
import { app } from "../lib/sessions.mjs";

export default async (event) => {
  await app.of(event).user.set({ half: "done" });
  throw new HTTPError({ status: 403 });
};
