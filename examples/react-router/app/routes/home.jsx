import { Form } from "react-router";
import { withSessions } from "../sessions.server.js";

export async function loader({ context }) {
  const { user } = context.get(withSessions.context);
  if ((await user.get()) === undefined) return null;
  return user.update((found) => ({ ...found, visits: found.visits + 1 }));
}

export default function Home({ loaderData: user }) {
  if (user === null) {
    return (
      <>
        <h1>Who are you?</h1>
        <Form method="post" action="/login">
          <input name="name" required />
          <button>Log in</button>
        </Form>
      </>
    );
  }
  return (
    <>
      <h1>Hello, {user.name}</h1>
      <p>{`visit ${user.visits}`}</p>
      <Form method="post" action="/logout">
        <button>Log out</button>
      </Form>
    </>
  );
}
