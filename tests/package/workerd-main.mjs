// The same worker with a Durable Object of the package, whose module brings the wasm: not for `sessile/slim`.
export { default } from "./workerd-suite.mjs";
export { SessionObject } from "sessile/cloudflare";
