// The demo on Bun.serve: bun bun.mjs
import { close, handle } from "./app.mjs";
import { files } from "./files.mjs";
import { host, port, secure, sayWhere } from "./listen.mjs";

const runtime = `Bun ${Bun.version.split(".")[0]}`;

const server = Bun.serve({
  hostname: host,
  port,
  fetch: (request) => handle(request, { secure, runtime, files }),
});
sayWhere(server.port);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await server.stop(true);
    await close();
    process.exit(0);
  });
}
