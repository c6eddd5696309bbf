/**
 * The places of other libraries as storages, with what those can promise; `sessile/stores` has the other direction.
 *
 * @module
 */
// The wasm, in the form that this runtime takes.
import "#sessile";

export { KeyvStorage, type KeyvLike, type KeyvStorageOptions } from "./storages/keyv.js";
export { UnstorageStorage, type UnstorageLike, type UnstorageStorageOptions } from "./storages/unstorage.js";
