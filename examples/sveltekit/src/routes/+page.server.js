import { redirect } from "@sveltejs/kit";

export async function load({ locals }) {
  const { user } = locals.sessions;
  if ((await user.get()) === undefined) return {};
  return { user: await user.update((found) => ({ ...found, visits: found.visits + 1 })) };
}

export const actions = {
  async login({ locals, request }) {
    const { user } = locals.sessions;
    const name = (await request.formData()).get("name");
    await user.regenerate();
    await user.set({ name: String(name), visits: 0 });
    redirect(303, "/");
  },

  async logout({ locals }) {
    await locals.sessions.user.clear();
    redirect(303, "/");
  },
};
