// The demo as a worker module. Its sessions live as long as the isolate does.
import { handle } from "./app.mjs";

export default {
  fetch: (request, { SECURE }) => handle(request, { secure: SECURE, runtime: "workerd" }),
};
