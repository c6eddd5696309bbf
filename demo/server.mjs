// The demo on plain node:http, without a framework.
import { createServer } from "node:http";
import { close, handle } from "./app.mjs";
import { files } from "./files.mjs";
import { host, port, secure, sayWhere } from "./listen.mjs";

const runtime = `Node.js ${process.versions.node.split(".")[0]}`;

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing).catch((error) => {
    console.error(error);
    outgoing.destroy();
  });
});

async function answer(incoming, outgoing) {
  const request = toRequest(incoming);
  const response = request
    ? await handle(request, { secure, runtime, files })
    : new Response("This is no request that can be answered\n", { status: 400 });
  const cookies = response.headers.getSetCookie();
  const headers = Object.fromEntries(response.headers);
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  outgoing.writeHead(response.status, headers);
  outgoing.end(new Uint8Array(await response.arrayBuffer()));
}

// The demo reads no bodies, so none is passed on; Node throws away what the client sends. A target, a Host
// or a method that fetch's Request does not know (`*`, TRACE) gives undefined.
function toRequest({ method, url, headers }) {
  try {
    const address = url.startsWith("/") ? `${secure ? "https" : "http"}://${headers.host}${url}` : url;
    return new Request(address, { method, headers });
  } catch {
    return undefined;
  }
}

server.on("error", (error) => {
  const advice = error.code === "EADDRINUSE" ? `. Choose another port: PORT=${port + 1}` : "";
  console.error(`The server cannot listen on ${host}:${port}: ${error.message}${advice}`);
  process.exitCode = 1;
});
server.listen(port, host, () => sayWhere(server.address().port));

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    server.close(close);
    server.closeAllConnections();
  });
}
