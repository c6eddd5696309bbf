import { redirect } from "react-router";
import { withSessions } from "../sessions.server.js";

export async function action({ context }) {
  await context.get(withSessions.context).user.clear();
  return redirect("/", 303);
}
