/**
 * The wasm travels inside the module, as base64: it is small, and so every bundler and runtime finds it
 * unconfigured.
 *
 * @module
 */
import { embed } from "./wasm.js";
import { base64 } from "./wasm/inline.js";

embed(() => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));

export * from "./api.js";
