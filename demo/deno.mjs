// The demo on Deno.serve: deno run --allow-net --allow-env --allow-read deno.mjs
import { close, handle } from "./app.mjs";
import { files } from "./files.mjs";
import { host, port, secure, sayWhere } from "./listen.mjs";

const runtime = `Deno ${Deno.version.deno.split(".")[0]}`;

const server = Deno.serve(
  { hostname: host, port, onListen: (address) => sayWhere(address.port) },
  (request) => handle(request, { secure, runtime, files }),
);

for (const signal of ["SIGINT", "SIGTERM"]) {
  Deno.addSignalListener(signal, async () => {
    await server.shutdown();
    await close();
    Deno.exit(0);
  });
}
