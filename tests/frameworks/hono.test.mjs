// `honoSessions` with Hono, on Node.
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { stream as streaming } from "hono/streaming";
import { honoSessions } from "sessile/hono";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

checkAdapter("hono", ({ app, routes, onError }) => {
  const server = new Hono();
  server.use(honoSessions(app));
  server.onError((error, c) => {
    onError(error);
    return c.text("failed", 500);
  });
  for (const [path, handle] of Object.entries(routes)) {
    server.get(path, async (c) => {
      const { json, cookie, redirect, stream } = await handle(
        c.get("sessions"),
        new URL(c.req.url).searchParams,
      );
      if (cookie !== undefined) c.header("set-cookie", cookie, { append: true });
      if (redirect !== undefined) return c.redirect(redirect);
      if (stream === undefined) return c.json(json);
      return streaming(c, async (out) => {
        for await (const piece of stream) await out.write(piece);
      });
    });
  }
  return createAdaptorServer({ fetch: server.fetch, serverOptions: { maxHeaderSize: MAX_HEADER_BYTES } });
});
