// What a runner runs: one suite by name, in a program of its own, since the wasm loads once for each program.
import { run, settings } from "./harness.mjs";

/**
 * `main` is everything that holds wherever `sessile` is imported; `slim` is `sessile/slim` with its wasm from
 * `given.source`: "module", "bytes", "response", "untyped-response" or "url"; `databases` is what happens to a browser's
 * databases, and `quota` what happens on a page that may keep `given.quota` bytes, with `given.durability`.
 */
export async function runSuite(name, given, log) {
  Object.assign(settings, given);
  if (name === "main") {
    await import("./entry.test.mjs");
    await import("./conformance.test.mjs");
    await import("./shared.test.mjs");
    if (settings.bindings?.SESSIONS !== undefined) await import("./cloudflare.test.mjs");
    await import("./cache.test.mjs");
    await import("./hanging.test.mjs");
    await import("./ticket.test.mjs");
    await import("./sealed.test.mjs");
    await import("./stores.test.mjs");
    // A browser lets no program set a cookie by a response.
    if (new Response(null, { headers: { "set-cookie": "a=b" } }).headers.has("set-cookie")) {
      await import("./sessions.test.mjs");
      await import("./sessions-cookie.test.mjs");
      await import("./sessions-tickets.test.mjs");
      await import("./sessions-schema.test.mjs");
      await import("./sessions-life.test.mjs");
      await import("./sessions-failing.test.mjs");
      await import("./sessions-moved.test.mjs");
      await import("./sessions-flash.test.mjs");
      await import("./sessions-sealed.test.mjs");
      await import("./sessions-events.test.mjs");
      await import("./sessions-fuzz.test.mjs");
    }
  } else if (name === "slim") {
    await import("./slim.test.mjs");
  } else if (name === "databases") {
    await import("./database-batches.test.mjs");
    await import("./database-changes.test.mjs");
    await import("./database-shared-worker.test.mjs");
    await import("./database-connection.test.mjs");
    await import("./database-denied.test.mjs");
    await import("./database-tabs.test.mjs");
    await import("./database-leftovers.test.mjs");
    await import("./database-aborted.test.mjs");
  } else if (name === "quota") {
    await import("./database-quota.test.mjs");
  } else {
    throw new Error(`there is no suite "${name}"`);
  }
  return run(log);
}
