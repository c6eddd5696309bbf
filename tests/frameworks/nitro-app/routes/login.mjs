import { redirect } from "nitro/deps/h3";
import { app } from "../lib/sessions.mjs";

export default async (event) => {
  const { user } = app.of(event);
  await user.regenerate();
  await user.update((value) => ({ ...value, name: "Ada" }));
  return redirect("/count", 303);
};
