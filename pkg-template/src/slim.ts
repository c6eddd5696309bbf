/**
 * Without the wasm: give `init` a source of your own, such as the package's `sessile/sessile.wasm` served or
 * compiled in your way, before the first use.
 *
 * @module
 */
export * from "./api.js";
