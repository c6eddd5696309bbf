export async function load({ locals }) {
  const { user } = locals.sessions;
  await user.set({ late: 0 });
  const late = async () => {
    await globalThis.sveltekitTest.streamed();
    await user.set({ late: 1 });
    await user.commit();
    return user.regenerate().catch((error) => error.code);
  };
  return { late: late() };
}
