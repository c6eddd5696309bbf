import { invalidId, isWellFormed } from "./id.js";
import { core } from "./wasm.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** No id that needs more bytes is valid; each UTF-16 unit takes at most three. */
const LONGEST_ID = 1024;

let bytes = new Uint8Array(0);
let idWindow = bytes;
let contentWindow = bytes;
let cellWindow = new Float64Array(0);

/**
 * Our end of the window of wasm memory that `src/js/window.rs` describes. A growth of the memory detaches
 * every view of it, so each use begins here; it never happens between two lines of ours.
 */
function attach(): void {
  if (bytes.byteLength !== 0) return;
  const wasm = core();
  const { buffer } = wasm.wasmMemory() as WebAssembly.Memory;
  const start = wasm.windowAddress();
  const idBytes = wasm.windowIdBytes();
  bytes = new Uint8Array(buffer);
  idWindow = bytes.subarray(start, start + idBytes);
  contentWindow = bytes.subarray(start + idBytes, start + idBytes + wasm.windowContentBytes());
  cellWindow = new Float64Array(buffer, wasm.cellsAddress(), 8);
}

/** Encodes an id into the window; answers with its length in bytes. */
export function placeId(id: string): number {
  if (typeof id !== "string") throw invalidId("a session id is not a string");
  attach();
  const { read, written } = encoder.encodeInto(id, idWindow);
  if (written !== id.length) {
    if (read !== id.length || written > LONGEST_ID) {
      throw invalidId("a session id is longer than 1,024 bytes of UTF-8");
    }
    if (!isWellFormed(id)) throw invalidId("a session id is not valid Unicode");
  }
  return written;
}

/** Encodes a cookie's name, which is short, where an id would stand; answers with its length in bytes. */
export function placeName(name: string): number {
  attach();
  return encoder.encodeInto(name, idWindow).written;
}

/** Encodes text as content; answers with its length in bytes, or -1 if it needs {@link placeLarge}. */
export function placeText(text: string): number {
  attach();
  if (text.length > contentWindow.length) return -1;
  const { read, written } = encoder.encodeInto(text, contentWindow);
  return read === text.length ? written : -1;
}

/** Copies bytes in as content; answers with their length, or -1 if they need {@link placeLarge}. */
export function placeBytes(content: Uint8Array): number {
  attach();
  if (content.length > contentWindow.length) return -1;
  contentWindow.set(content);
  return content.length;
}

/** Puts a large content where it becomes the session's without another copy. */
export function placeLarge(content: string | Uint8Array): void {
  if (typeof content === "string") {
    // Right for all-ASCII text, such as most JSON; other text is measured by encoding it.
    const view = reserve(content.length);
    if (encoder.encodeInto(content, view).read === content.length) return;
    content = encoder.encode(content);
  }
  reserve(content.length).set(content);
}

function reserve(length: number): Uint8Array {
  const address = core().reserveLarge(length);
  attach();
  return bytes.subarray(address, address + length);
}

/** What the core answers where an error waits. */
const FAILED = -1;

/** A call's result, or the error that it means. */
export function answer(result: number): number {
  if (result === FAILED) throw core().takeError();
  return result;
}

/** What a call left beside its result. */
export function cell(index: number): number {
  attach();
  return cellWindow[index] ?? NaN;
}

/** The bytes at an address that a call has just answered with, decoded. Throws what is no UTF-8. */
export function decodeAt(address: number, length: number): string {
  attach();
  return decoder.decode(bytes.subarray(address, address + length));
}

/** A copy of the bytes at an address that a call has just answered with. */
export function copyAt(address: number, length: number): Uint8Array {
  attach();
  return bytes.slice(address, address + length);
}

export function decode(content: Uint8Array): string {
  return decoder.decode(content);
}
