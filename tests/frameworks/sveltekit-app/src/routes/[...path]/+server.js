import { error, json, redirect } from "@sveltejs/kit";

export async function GET({ cookies, locals, params, url }) {
  const route = globalThis.sveltekitTest.routes[`/${params.path}`];
  if (route === undefined) error(404);
  const answer = await route(locals.sessions, url.searchParams);
  if (answer.cookie !== undefined) {
    const [name, value] = answer.cookie.split(/[=;]/);
    cookies.set(name, value, { path: "/" });
  }
  if (answer.redirect !== undefined) redirect(303, answer.redirect);
  if (answer.stream === undefined) return json(answer.json);
  return new Response(ReadableStream.from(answer.stream).pipeThrough(new TextEncoderStream()));
}
