import { redirect } from "react-router";
import { withSessions } from "../sessions.server.js";

export async function action({ context, request }) {
  const { user } = context.get(withSessions.context);
  const name = (await request.formData()).get("name");
  await user.regenerate();
  await user.set({ name: String(name), visits: 0 });
  return redirect("/", 303);
}
