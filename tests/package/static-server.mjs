// Serves a folder to the browsers under test.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/**
 * Answers `{ origin, close() }`. What a browser keeps belongs to an origin, so a test that comes back to a
 * profile gives the port it had. Pages of other origins may load all of it, and what is asked for with
 * `?clear-site-data` makes the browser remove what it keeps.
 */
export async function serve(folder, port = 0) {
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://host");
    const path = join(folder, normalize(decodeURIComponent(url.pathname)));
    const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "index.html") : path;
    if (!existsSync(file)) {
      // The icon that a browser asks for by itself is not missed.
      response.writeHead(path.endsWith("favicon.ico") ? 204 : 404).end();
      return;
    }
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    response.setHeader("access-control-allow-origin", "*");
    if (url.searchParams.has("clear-site-data")) response.setHeader("clear-site-data", '"storage"');
    createReadStream(file).pipe(response);
  });
  await new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", listening);
  });
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
