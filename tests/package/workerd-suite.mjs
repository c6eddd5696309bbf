// The worker that `run-workerd.mjs` bundles: a request runs the suite and is answered with the counts.
import wasm from "sessile/sessile.wasm";
import { runSuite } from "./suite.mjs";

export default {
  async fetch(request, bindings) {
    const lines = [];
    const suite = new URL(request.url).pathname.slice(1);
    // workerd compiles no wasm at run time: a module comes with the worker or not at all.
    const given = { source: "module", wasm: async () => wasm, wasmCanBeCompiled: false, bindings };
    const counts = await runSuite(suite, given, (line) => lines.push(line));
    return Response.json({ counts, lines });
  },
};
