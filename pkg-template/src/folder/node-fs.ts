/** What a folder needs of `node:fs`: each call in two forms, of which one waits and one does not. */
export interface NodeFs {
  readonly constants: {
    readonly O_RDONLY: number;
    readonly O_RDWR: number;
    readonly O_WRONLY: number;
    readonly O_CREAT: number;
    readonly O_EXCL: number;
    readonly O_NOFOLLOW?: number;
    readonly O_NONBLOCK?: number;
  };
  openSync(path: string, flags: number, mode?: number): number;
  closeSync(fd: number): void;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
}

/** The calls that are made in either form, by the names that `node:fs` gives them. */
export interface Calls {
  open: [[path: string, flags: number, mode?: number], number];
  read: [[fd: number, into: Uint8Array, offset: number, length: number, at: number], number];
  write: [[fd: number, bytes: Uint8Array, offset: number, length: number, at: number], number];
  fstat: [[fd: number], NodeStats];
  lstat: [[path: string], NodeStats];
  fsync: [[fd: number], void];
  ftruncate: [[fd: number, length: number], void];
  rename: [[from: string, to: string], void];
  link: [[from: string, to: string], void];
  unlink: [[path: string], void];
  rm: [[path: string, options: { recursive: boolean; force: boolean }], void];
  mkdir: [[path: string, options: { mode: number }], void];
  readdir: [[path: string], string[]];
}

interface NodeStats {
  readonly size: number;
  readonly ctimeMs: number;
  isFile(): boolean;
}

/** What of Node's modules is used, without an import that a bundler for the browser would stumble over. */
export interface NodeModules {
  readonly fs: NodeFs;
  /** An absolute path of a path or a `file:` URL. */
  resolve(root: string | URL): string;
}

/** Node's modules, where there are any with a file system behind them. */
export function nodeModules(): NodeModules | undefined {
  const { process, navigator } = globalThis as {
    process?: { versions?: { node?: string }; getBuiltinModule?: (name: string) => unknown };
    navigator?: { userAgent?: string };
  };
  // Workers of this kind have Node's modules, but their files are gone with the request.
  if (process?.versions?.node === undefined || navigator?.userAgent === "Cloudflare-Workers")
    return undefined;
  const fs = process.getBuiltinModule?.("node:fs") as NodeFs | undefined;
  const path = process.getBuiltinModule?.("node:path") as { resolve(path: string): string } | undefined;
  const url = process.getBuiltinModule?.("node:url") as { fileURLToPath(url: URL): string } | undefined;
  if (fs === undefined || path === undefined || url === undefined) return undefined;
  return { fs, resolve: (root) => path.resolve(typeof root === "string" ? root : url.fileURLToPath(root)) };
}

/** The `code` of a system error, such as `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
