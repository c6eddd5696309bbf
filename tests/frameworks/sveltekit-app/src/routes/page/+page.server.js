import { error, fail, redirect } from "@sveltejs/kit";

export async function load({ locals, url }) {
  const loads = await locals.sessions.user.update((user) => ({ ...user, loads: (user?.loads ?? 0) + 1 }));
  const status = Number(url.searchParams.get("error") ?? 0);
  if (status === 501) await locals.sessions.user.clear();
  if (status >= 500) throw new Error("unexpected");
  if (status > 0) error(status);
  return loads;
}

export const actions = {
  async login({ locals, request }) {
    const { name } = Object.fromEntries(await request.formData());
    const { user } = locals.sessions;
    if (name === "") {
      await user.update((value) => ({ ...value, failures: (value?.failures ?? 0) + 1 }));
      return fail(400, { message: "a name, please" });
    }
    await user.regenerate();
    await user.update((value) => ({ ...value, name }));
    redirect(303, "/page");
  },

  async logout({ locals }) {
    await locals.sessions.user.clear();
    redirect(303, "/value");
  },
};
