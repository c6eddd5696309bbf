// `app.node()` with `node:http` alone.
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { MAX_HEADER_BYTES, checkAdapter } from "./common.mjs";

checkAdapter(
  "node:http",
  ({ app, routes, onError }) => {
    const middleware = app.node({ onError });
    return createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
      const { pathname, searchParams } = new URL(request.url, "http://localhost");
      const answer = async () => {
        const { json, cookie, redirect, stream } = await routes[pathname](app.of(request), searchParams);
        if (cookie !== undefined) response.appendHeader("set-cookie", cookie);
        if (redirect !== undefined) response.writeHead(302, { location: redirect }).end();
        else if (stream !== undefined) Readable.from(stream).pipe(response);
        else response.setHeader("content-type", "application/json").end(JSON.stringify(json));
      };
      middleware(request, response, () => {
        answer().catch((error) => {
          onError(error);
          if (response.headersSent) response.destroy();
          else response.writeHead(500).end("failed");
        });
      });
    });
  },
  { storesWhatThrew: true },
);
