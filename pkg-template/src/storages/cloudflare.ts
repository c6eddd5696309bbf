/**
 * Sessions at Cloudflare: in Durable Objects, with the whole contract, or in Workers KV, which is cheaper and promises less.
 *
 * @module
 */
// The wasm, in the form that this runtime takes.
import "#sessile";

export {
  DurableObjectStorage,
  SessionObject,
  type DurableObjectOptions,
  type ObjectNamespace,
  type ObjectState,
} from "./durable-object.js";
export { WorkersKvStorage, type WorkersKv, type WorkersKvOptions } from "./workers-kv.js";
