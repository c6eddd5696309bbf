// deno run --allow-net --allow-env --allow-read --allow-write deno.mjs
import { directorySessionStorage } from "sessile";
import { application } from "./app.mjs";

const storage = directorySessionStorage(Deno.env.get("SESSIONS") ?? "./sessions", {
  idleTimeout: "30m",
  absoluteTimeout: "7d",
});

Deno.serve(
  {
    port: Number(Deno.env.get("PORT") ?? 3000),
    onListen: ({ port }) => console.log(`http://localhost:${port}`),
  },
  application(storage, Deno.env.get("SESSION_SECRET")),
);
