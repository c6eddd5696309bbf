/**
 * The wasm travels inside the module, as base64: it is small, and so every bundler and runtime finds it
 * unconfigured.
 *
 * @module
 */
import { embed } from "./wasm.js";
import { base64 } from "./wasm/inline.js";

embed(() => {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  // A plain loop: `Uint8Array.from` with a callback takes ten times as long.
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
});

export * from "./api.js";
