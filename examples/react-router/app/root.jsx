import { Links, Meta, Outlet, Scripts } from "react-router";
import { withSessions } from "./sessions.server.js";

export const middleware = [withSessions];

export default function Root() {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <Meta />
        <Links />
      </head>
      <body>
        <Outlet />
        <Scripts />
      </body>
    </html>
  );
}
