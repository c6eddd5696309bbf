import { invalid } from "./options.js";

/**
 * Secrets, newest first: the first signs and seals, all verify and open. So one is replaced without logging anybody out.
 * A string counts as its UTF-8.
 */
export type SecretList = readonly (string | Uint8Array)[];

/** The shortest secret that keys for sealing are made of, in bytes. */
export const MIN_SEALING_BYTES = 32;

/** The secrets as the core takes them: each behind its length. Nothing of the caller's is kept. */
export function packSecrets(secrets: unknown, option: string, minBytes = 1): Uint8Array {
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw invalid(`${option} must be an array of at least one secret, newest first`);
  }
  const all = Array.from(secrets as unknown[], (secret) => {
    const bytes = bytesOf(secret, option);
    if (bytes.length < minBytes) {
      throw invalid(
        minBytes === 1
          ? `a secret of ${option} is empty`
          : `a secret of ${option} has fewer than ${minBytes} bytes; take ${minBytes} random ones`,
      );
    }
    return bytes;
  });
  const packed = new Uint8Array(all.reduce((length, bytes) => length + 4 + bytes.length, 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const bytes of all) {
    view.setUint32(at, bytes.length, true);
    packed.set(bytes, at + 4);
    at += 4 + bytes.length;
  }
  return packed;
}

function bytesOf(secret: unknown, option: string): Uint8Array {
  if (typeof secret === "string") return new TextEncoder().encode(secret);
  if (ArrayBuffer.isView(secret)) return new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength);
  throw invalid(`a secret of ${option} must be a string or bytes`);
}
