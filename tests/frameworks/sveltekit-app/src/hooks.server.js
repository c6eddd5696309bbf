import { redirect } from "@sveltejs/kit";
import { sequence } from "@sveltejs/kit/hooks";
import { SessionStorageMemory, cookie, sessions } from "sessile";
import { svelteKitSessions } from "sessile/sveltekit";

// While it is built there is no test, and the application has sessions of its own.
const own = svelteKitSessions(sessions({ user: cookie("sid", new SessionStorageMemory()) }));

/** What the test gives: `handle`, `onError`, and `routes` for the endpoint. */
const given = () => globalThis.sveltekitTest ?? { handle: own };

const guard = async ({ event, resolve }) => {
  const { pathname } = event.url;
  if (pathname !== "/guarded" && pathname !== "/broken") return resolve(event);
  await event.locals.sessions.user.set({ returnTo: pathname });
  if (pathname === "/broken") throw new Error("unexpected");
  event.cookies.set("theme", "dark", { path: "/" });
  redirect(303, "/value");
};

export const handle = sequence((input) => given().handle(input), guard);

export function handleError({ error, kind }) {
  if (kind === "unknown") given().onError(error);
  return { message: "failed" };
}
