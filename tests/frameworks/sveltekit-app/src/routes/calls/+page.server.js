export async function load({ fetch, locals }) {
  const before = await locals.sessions.user.get();
  return { before, count: await (await fetch("/count")).json() };
}
