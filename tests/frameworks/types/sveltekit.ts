import type { RequestEvent } from "@sveltejs/kit";
import { sequence, type Handle } from "@sveltejs/kit/hooks";
import { svelteKitSessions } from "sessile/sveltekit";
import { app, type User } from "./app.js";

declare global {
  namespace App {
    interface Locals {
      sessions: ReturnType<typeof app.of>;
    }
  }
}

export const alone: Handle = svelteKitSessions(app);
export const handle: Handle = sequence(svelteKitSessions(app), ({ event, resolve }) => resolve(event));

export async function load({ locals }: RequestEvent) {
  const { user, cart } = locals.sessions;
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await cart.set([17]);
  // @ts-expect-error There is no such session.
  app.of(locals).other;
  return { name: found?.name, books: await app.of(locals).cart.get() };
}
