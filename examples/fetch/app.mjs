// One handler of Request and Response, for every server that speaks them.
import { cookie, sessions } from "sessile";

const LOGIN = `<form method="post" action="/login"><input name="name" required /><button>Log in</button></form>`;
const LOGOUT = `<form method="post" action="/logout"><button>Log out</button></form>`;

/** The application over a storage; a secret that is not there is one for development. */
export function application(storage, secret) {
  if (secret === undefined) console.warn("SESSION_SECRET is not set: never do so in production");
  const app = sessions({
    user: cookie("sid", storage, { secrets: [secret ?? "for development, known to everybody"] }),
  });

  return app.fetch(async (request, { user }) => {
    switch (`${request.method} ${new URL(request.url).pathname}`) {
      case "GET /":
        if ((await user.get()) === undefined) return html(`<h1>Who are you?</h1>${LOGIN}`);
        return html(greeting(await user.update((found) => ({ ...found, visits: found.visits + 1 }))));
      case "POST /login": {
        const form = await request.formData();
        await user.regenerate();
        await user.set({ name: String(form.get("name")), visits: 0 });
        return seeOther("/");
      }
      case "POST /logout":
        await user.clear();
        return seeOther("/");
      default:
        return new Response("Nothing here", { status: 404 });
    }
  });
}

function greeting({ name, visits }) {
  return `<h1>Hello, ${escaped(name)}</h1><p>visit ${visits}</p>${LOGOUT}`;
}

function html(body) {
  return new Response(`<!doctype html>${body}`, { headers: { "content-type": "text/html; charset=utf-8" } });
}

function seeOther(location) {
  return new Response(null, { status: 303, headers: { location } });
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
