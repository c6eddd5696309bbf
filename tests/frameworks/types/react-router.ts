import {
  redirect,
  type ActionFunctionArgs,
  type LoaderFunctionArgs,
  type MiddlewareFunction,
  type RouteObject,
  type Session,
  type SessionStorage,
} from "react-router";
import { SessionStorageMemory } from "sessile";
import { createSessionStorage, sessionsMiddleware } from "sessile/react-router";
import { app, type User } from "./app.js";

const withSessions = sessionsMiddleware(app);
export const middleware: MiddlewareFunction<Response>[] = [withSessions];
export const routes: RouteObject[] = [{ path: "/", middleware: [withSessions] }];

export async function loader({ context }: LoaderFunctionArgs) {
  const { user, cart } = context.get(withSessions.context);
  const found: User | undefined = await user.get();
  // @ts-expect-error It holds no numbers.
  await cart.set([17]);
  // @ts-expect-error There is no such session.
  app.of(context).other;
  return { name: found?.name, books: await app.of(context).cart.get() };
}

// What an application with React Router's own storage has written stays as it is.
interface Data {
  userId: string;
}
interface Flash {
  error: string;
}
const storage = createSessionStorage<Data, Flash>({
  cookie: { name: "__session", secrets: ["s3cret"], maxAge: 60, sameSite: "lax", secure: true },
  storage: new SessionStorageMemory(),
  idleTimeout: "30m",
});
export const theirs: SessionStorage<Data, Flash> = storage;
const { getSession, commitSession, destroySession } = storage;

export async function action({ request }: ActionFunctionArgs) {
  const session: Session<Data, Flash> = await getSession(request.headers.get("Cookie"));
  if (session.has("userId")) {
    return redirect("/", { headers: { "Set-Cookie": await destroySession(session) } });
  }
  session.set("userId", "17");
  session.flash("error", "none");
  const error: string | undefined = session.get("error");
  // @ts-expect-error It is a string.
  session.set("userId", 17);
  // @ts-expect-error It holds nothing of that name.
  session.get("other");
  const header = await commitSession(session, { maxAge: 60, regenerate: true });
  return redirect(`/${error}`, { headers: { "Set-Cookie": header } });
}

export const untyped: SessionStorage = createSessionStorage({ storage: new SessionStorageMemory() });

// @ts-expect-error A session needs a storage.
createSessionStorage({ cookie: { name: "__session" } });
