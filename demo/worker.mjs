// The demo as a worker module. Its sessions live as long as the isolate does.
import { handle } from "./app.mjs";

export default {
  fetch: (request, { SECURE, FILES }) =>
    handle(request, { secure: SECURE, runtime: "workerd", files: (name) => filesOf(FILES, name) }),
};

// A worker has no files: it asks a service for them.
async function filesOf(service, name) {
  const response = await service.fetch(`http://files/?${new URLSearchParams({ name })}`);
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
}
