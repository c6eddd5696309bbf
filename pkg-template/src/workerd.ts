/**
 * Edge workers compile no wasm from bytes: there the import of a `.wasm` file is a compiled module.
 *
 * @module
 */
import { embed } from "./wasm.js";
import module from "./wasm/sessile.wasm";

embed(() => module);

export * from "./api.js";
