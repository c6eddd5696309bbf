import { app } from "#lib/server/sessions.js";
import { svelteKitSessions } from "sessile/sveltekit";

export const handle = svelteKitSessions(app);
