export const prerender = true;

export async function load({ locals }) {
  return { user: (await locals.sessions.user.get()) ?? "nobody" };
}
