import { SessionError, type SessionErrorCode } from "./error.js";
import * as glue from "./wasm/sessile.js";

/** What {@link init} takes. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;

/** The core's classes and functions. */
export type Core = typeof glue;

let ready = false;
let starting: Promise<void> | undefined;
let embedded: (() => WebAssembly.Module | BufferSource) | undefined;

/** Tells where the wasm is if nobody calls {@link init}. The package's entries differ in this alone. */
export function embed(source: () => WebAssembly.Module | BufferSource): void {
  embedded ??= source;
}

/**
 * Loads the wasm ahead of the first use, or, with `sessile/slim`, from a source of your own: a
 * `WebAssembly.Module`, its bytes, a `Response`, or a URL to fetch. Nobody else need call it. Idempotent:
 * whoever comes first decides, and later calls wait for it.
 */
export function init(source?: WasmSource | PromiseLike<WasmSource>): Promise<void> {
  if (ready) return Promise.resolve();
  starting ??= start(source).finally(() => {
    starting = undefined;
  });
  return starting;
}

/** The core, started if it must be: a first use needs no promise. */
export function core(): Core {
  if (!ready) {
    if (embedded === undefined) {
      throw new SessionError(
        "ERR_SESSION_UNSUPPORTED",
        'sessile/slim brings no wasm: await init(source) before the first use, or import "sessile"',
      );
    }
    const source = embedded();
    instantiate(source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source));
  }
  return glue;
}

async function start(given?: WasmSource | PromiseLike<WasmSource>): Promise<void> {
  const source = (await given) ?? embedded?.();
  if (source === undefined) {
    throw new SessionError("ERR_SESSION_INVALID_OPTION", "sessile/slim brings no wasm: give init() a source");
  }
  instantiate(await compile(source));
}

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof URL || typeof source === "string") return compile(await open(new URL(source)));
  if (source instanceof Response) {
    if (!source.ok) {
      throw new SessionError("ERR_SESSION_STORAGE", `the wasm could not be fetched: HTTP ${source.status}`);
    }
    // Not compileStreaming: it insists on a Content-Type that many servers do not send.
    return WebAssembly.compile(await source.arrayBuffer());
  }
  return WebAssembly.compile(source);
}

/** As `fetch`, which in Node opens no files. */
async function open(url: URL): Promise<Response | BufferSource> {
  const files = url.protocol === "file:" ? nodeFiles() : undefined;
  return files ? files.readFile(url) : fetch(url);
}

interface NodeFiles {
  readFile(path: URL): Promise<Uint8Array<ArrayBuffer>>;
}

/** Node's files, without an import that a bundler for the browser would stumble over. */
function nodeFiles(): NodeFiles | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => NodeFiles | undefined };
  };
  return process?.getBuiltinModule?.("node:fs/promises");
}

function instantiate(module: WebAssembly.Module): void {
  if (ready) return;
  glue.initSync({ module });
  glue.setErrorFactory((code: SessionErrorCode, message: string, cause: unknown) => {
    return new SessionError(code, message, cause === undefined ? undefined : { cause });
  });
  ready = true;
}
