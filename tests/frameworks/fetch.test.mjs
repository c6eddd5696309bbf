// `app.fetch` over the server of each runtime: `Deno.serve`, `Bun.serve`, and on Node one that gives `Request`s.
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

const NAMES = { Deno: "Deno.serve", Bun: "Bun.serve" };
const runtime = Object.keys(NAMES).find((name) => globalThis[name] !== undefined) ?? "Node";

const SERVERS = {
  Deno(fetch) {
    let server;
    return {
      listen(port, hostname, onListen) {
        server = Deno.serve({ port, hostname, onListen }, fetch);
      },
      address: () => server.addr,
      close: (closed) => server.shutdown().then(closed),
    };
  },

  Bun(fetch) {
    let server;
    return {
      listen(port, hostname, listening) {
        server = Bun.serve({ port, hostname, fetch });
        listening();
      },
      address: () => ({ port: server.port }),
      close: (closed) => server.stop(true).then(closed),
    };
  },

  async Node(fetch) {
    const { createAdaptorServer } = await import("@hono/node-server");
    const serverOptions = { maxHeaderSize: MAX_HEADER_BYTES };
    return createAdaptorServer({ fetch, serverOptions, overrideGlobalObjects: false });
  },
};

function start({ app, routes, onError }) {
  const handler = app.fetch(async (request, all) => {
    const { pathname, searchParams } = new URL(request.url);
    const { json, cookie, redirect, stream } = await routes[pathname](all, searchParams);
    const headers = cookie === undefined ? {} : { "set-cookie": cookie };
    if (redirect !== undefined) return new Response(null, { status: 302, headers: { location: redirect } });
    if (stream === undefined) return Response.json(json, { headers });
    return new Response(ReadableStream.from(stream).pipeThrough(new TextEncoderStream()));
  });
  // A promise that rejects has no response to which headers could be put.
  return SERVERS[runtime]((request) =>
    handler(request).catch((error) => {
      onError(error);
      return new Response("failed", { status: 500 });
    }),
  );
}

checkAdapter(`fetch, by ${NAMES[runtime] ?? "a server of Node's"}`, start, {
  failsAlone: true,
  throwsAlone: true,
});
