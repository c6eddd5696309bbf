// What is used of Node's modules, which Deno, Bun and workerd have too: the package has no types of a runtime's.

declare module "node:crypto" {
  export function createHash(algorithm: "sha1" | "sha256"): {
    update(data: string | Uint8Array): { digest(encoding: "base64url" | "hex"): string };
  };

  /** Not in the first releases of Node 20. */
  export const hash:
    | ((algorithm: "sha1" | "sha256", data: string | Uint8Array, encoding: "base64url" | "hex") => string)
    | undefined;
}

declare module "node:zlib" {
  /** Not in the first releases of Node 20. */
  export const crc32: ((data: Uint8Array, value?: number) => number) | undefined;
}

declare module "node:buffer" {
  type Encoding = "base64url" | "hex" | "latin1" | "utf8";

  export interface Buffer extends Uint8Array<ArrayBuffer> {
    equals(other: Uint8Array): boolean;
    compare(other: Uint8Array, start: number, end: number, ownStart: number, ownEnd: number): number;
    copy(target: Uint8Array, at: number, start: number, end: number): number;
    subarray(start?: number, end?: number): Buffer;
    toString(encoding?: Encoding, start?: number, end?: number): string;
    readDoubleLE(offset: number): number;
    readUInt16LE(offset: number): number;
    readUInt32LE(offset: number): number;
    write(text: string, offset: number, encoding: Encoding): number;
    writeDoubleLE(value: number, offset: number): number;
    writeUInt16LE(value: number, offset: number): number;
    writeUInt32LE(value: number, offset: number): number;
  }

  export const Buffer: {
    alloc(size: number): Buffer;
    /** With what lay in its memory before. */
    allocUnsafe(size: number): Buffer;
    concat(list: readonly Uint8Array[]): Buffer;
    from(text: string, encoding?: Encoding): Buffer;
    from(bytes: Uint8Array): Buffer;
  };
}
