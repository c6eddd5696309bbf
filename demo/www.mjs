// The browser test page, from its files: what each is sent with.

const types = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  mjs: "text/javascript; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  wasm: "application/wasm",
};

const importMap = /<script type="importmap">([^]*?)<\/script>/;

/**
 * A file's bytes and headers, or undefined where there is none of that name.
 *
 * @param {string} name below `/page/`, as the address has it: never decoded, since no name needs it
 * @param {(name: string) => Promise<Uint8Array | undefined>} files
 */
export async function wwwFile(name, files) {
  const found = name === "" ? "index.html" : name;
  const body = await files(found);
  if (!body) return undefined;
  const headers = {
    "content-type": types[found.slice(found.lastIndexOf(".") + 1)],
    // On scripts too: a worker has the policy of its own file.
    "content-security-policy": policy(await inlineScripts(found, body)),
    "cross-origin-resource-policy": "same-origin",
  };
  return { body, headers };
}

// The page keeps to itself, in every sense: nothing goes out, nothing but its own files comes in, and no text
// becomes code. It may be framed by a page beside it.
const policy = (inline) =>
  [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval'${inline}`,
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
  ].join("; ");

// The import map is the one script that has to stand in the page. It is allowed by its hash.
async function inlineScripts(name, body) {
  const [, map] = (name.endsWith(".html") && importMap.exec(new TextDecoder().decode(body))) || [];
  if (map === undefined) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(map)));
  return ` 'sha256-${btoa(String.fromCharCode(...digest))}'`;
}
