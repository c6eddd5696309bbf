// The application that every framework serves, so that its cases are written once (common.mjs).
//
// A route is `(sessions) => answer`, or takes the request's query as well: `(sessions, query: URLSearchParams) => answer`.
// An answer is one of the following, which a framework gives in the way that its users do:
//   { json, cookie? }   200 with that value; `cookie` is a Set-Cookie header of the application's own
//   { redirect }        302 or 303 to that path
//   { stream }          200 with the strings of an async iterable, each sent when it comes, of type text/plain
// A route may also throw, which is for the framework's own error handling.

/** All the routes, by their paths; the request method is GET. `state` is how a case takes part in them. */
export function routesOf(state) {
  return {
    "/untouched": async () => ({ json: "untouched" }),

    "/value": async ({ user }) => ({ json: (await user.get()) ?? null }),

    "/login": async ({ user }, query) => {
      await user.regenerate();
      await user.update((value) => ({ ...value, name: query.get("name") }));
      return { redirect: "/value" };
    },

    "/logout": async ({ user }) => {
      await user.clear();
      return { redirect: "/value" };
    },

    // Each of the following waits, once it has loaded, for what the case says.
    "/count": async ({ user }) => {
      await user.get();
      await state.loaded();
      return { json: await user.update((value) => ({ ...value, count: (value?.count ?? 0) + 1 })) };
    },

    "/key": async ({ user }, query) => {
      const value = (await user.get()) ?? {};
      await state.loaded(query);
      value[query.get("key")] = true;
      await user.set(value);
      return { json: Object.keys(value).length };
    },

    "/move": async ({ user }, query) => {
      await user.get();
      await state.loaded(query);
      await user.regenerate();
      return { json: "moved" };
    },

    "/theme": async ({ user }) => {
      await user.update((value) => ({ ...value, theme: "dark" }));
      return { json: "dark", cookie: "theme=dark; Path=/" };
    },

    "/both": async ({ user, cart }) => {
      await user.set({ name: "Ada" });
      await cart.set(["a book"]);
      return { json: "both" };
    },

    "/api": async ({ api }) => ({ json: await api.update((value) => ({ calls: (value?.calls ?? 0) + 1 })) }),

    "/stream": async ({ user }) => {
      await user.update((value) => ({ ...value, pieces: 0 }));
      const pieces = async function* () {
        yield "first ";
        await state.streamed();
        await user.update(({ pieces, ...value }) => ({ ...value, pieces: pieces + 1 }));
        await user.commit();
        state.late = await user.regenerate().catch((error) => error.code);
        yield "last";
      };
      return { stream: pieces() };
    },

    "/throws": async ({ user }) => {
      await user.update((value) => ({ ...value, half: "done" }));
      throw state.thrown;
    },

    // Its id is another one by then.
    "/moves-and-throws": async ({ user }) => {
      await user.regenerate();
      await user.commit();
      throw state.thrown;
    },

    "/moves-beside": async ({ user, cart }) => {
      await user.regenerate();
      await user.commit();
      await cart.set(["a book"]);
      return { json: "both" };
    },

    // It was told to be stored before what went wrong.
    "/commits-and-throws": async ({ user }) => {
      await user.update((value) => ({ ...value, attempts: 1 }));
      await user.commit();
      throw state.thrown;
    },
  };
}
