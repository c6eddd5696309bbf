// The forms in which a user may hand the wasm to `init`.

/** Answers a function that makes a source of the kind `source` from the file's bytes, or from where it is served. */
export function wasmSource(source, bytes, url) {
  switch (source) {
    case "module":
      return () => WebAssembly.compile(bytes);
    case "bytes":
      return async () => bytes;
    case "response":
      return async () => new Response(bytes, { headers: { "content-type": "application/wasm" } });
    case "untyped-response":
      return async () => new Response(bytes);
    case "url":
      return async () => new URL(url);
    default:
      throw new Error(`there is no source "${source}"`);
  }
}
