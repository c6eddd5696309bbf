// The examples as they are, each a process of its own: login, counting in parallel, logout and back, over real HTTP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { equal, matches } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";
import { build } from "./build.mjs";
import { Client } from "./client.mjs";

const EXAMPLES = join(import.meta.dirname, "../../examples");
// From within they find the frameworks and the package.
const COPIES = join(import.meta.dirname, ".examples");

/**
 * `program`: what Node, or the program that the variable `runtime` names, is given in the example's folder; by default
 * `server.mjs`. `as`: how it is called, where a folder has several. `forgets`: its sessions are in memory. `prepare(folder)` is done before, such as
 * a build. `login` and `logout`: where the forms are sent; by default `/login` with a `name`, and `/logout`.
 *
 * An example prints `http://localhost:PORT` when it listens on the `PORT` that it is told, keeps its sessions in the folder
 * `SESSIONS`, and warns if there is no `SESSION_SECRET`. Its page `/` asks who is not logged in for a `name`, and greets
 * who is with that and "visit N".
 */
const EXAMPLES_TESTED = [
  { name: "express" },
  { name: "fetch", as: "fetch in Deno", runtime: "DENO", program: ["run", "--allow-all", "deno.mjs"] },
  { name: "fetch", as: "fetch in Bun", runtime: "BUN", program: ["run", "bun.mjs"] },
  {
    name: "fetch",
    as: "fetch in workerd",
    program: [join(import.meta.dirname, "serve-worker.mjs"), "worker.mjs"],
    forgets: true,
  },
  { name: "fastify" },
  { name: "h3" },
  { name: "hono" },
  { name: "koa" },
  { name: "node" },
  { name: "react-router", prepare: (folder) => build(folder, "@react-router/dev/bin.cjs") },
  {
    name: "sveltekit",
    prepare: (folder) => build(folder, "vite/bin/vite.js"),
    login: "/?/login",
    logout: "/?/logout",
  },
];

for (const {
  name,
  as = name,
  runtime,
  program = ["server.mjs"],
  forgets = false,
  prepare,
  login = "/login",
  logout = "/logout",
} of EXAMPLES_TESTED) {
  describe(`example ${as}`, () => {
    it("counts for who is logged in, and for nobody else", async () => {
      const folder = join(COPIES, as.replaceAll(" ", "-"));
      await rm(folder, { recursive: true, force: true });
      await cp(join(EXAMPLES, name), folder, { recursive: true });
      try {
        await prepare?.(folder);
        let client;
        await running(folder, runtime, program, async (origin) => {
          client = new Client(origin);
          matches(await client.text("/"), /<input[^>]* name="name"/, "the page of who is not logged in");
          equal(client.cookie, "");
          const wanted = await submitted(client, login, { name: "<Ada & Co>" });
          equal(new URL(wanted, origin).pathname, "/");
          await Promise.all(Array.from({ length: 20 }, () => client.text("/")));
          const page = await client.text("/");
          matches(page, /visit 21\b/);
          matches(page, /(?:&#60;|&lt;)Ada (?:&#38;|&amp;) Co/, "the name");
          equal(page.includes("<Ada"), false, "the name is markup");

          const before = client.clone();
          await submitted(client, logout, {});
          equal(client.cookie, "");
          for (const one of [client, before]) matches(await one.text("/"), /<input[^>]* name="name"/);
          await submitted(client, login, { name: "Bob" });
          matches(await client.text("/"), /visit 1\b/);
        });
        await running(folder, runtime, program, async (origin) => {
          client.origin = origin;
          const page = await client.text("/");
          if (forgets) return matches(page, /<input[^>]* name="name"/, "the page after another start");
          matches(page, /Bob/, "the name after another start");
          matches(page, /visit 2\b/);
        });
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
}

/** Sends a form; answers where the browser is sent then. */
async function submitted(client, path, fields) {
  const headers = { accept: "text/html", origin: client.origin };
  const response = await client.send(path, { method: "POST", headers, body: new URLSearchParams(fields) });
  equal(response.status === 302 || response.status === 303, true, `${response.status} is a redirect`);
  return response.headers.get("location");
}

/** An example's process while `work` is done; it gets the origin. */
async function running(folder, runtime, program, work) {
  const file = runtime === undefined ? process.execPath : process.env[runtime];
  if (file === undefined) throw new Error(`${runtime} must say where that program is`);
  const env = { ...process.env, PORT: "0", SESSIONS: join(folder, "sessions") };
  delete env.SESSION_SECRET;
  const child = spawn(file, program, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  let complaints = "";
  child.stderr.on("data", (text) => (complaints += text));
  try {
    const origin = await Promise.race([
      originIn(child.stdout),
      exited.then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${complaints}`))),
    ]);
    await work(origin);
    matches(complaints, /SESSION_SECRET/, "what it warns of");
  } finally {
    child.kill();
    await exited;
  }
}

async function originIn(output) {
  for await (const line of createInterface({ input: output })) {
    const found = /http:\/\/localhost:\d+/.exec(line);
    if (found !== null) return found[0];
  }
  return new Promise(() => {});
}
