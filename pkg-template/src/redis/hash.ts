import * as crypto from "node:crypto";

/** A hash at once. The first releases of Node 20 know only the way over an object, which takes three times as long. */
export const hash: (
  algorithm: "sha1" | "sha256",
  data: string | Uint8Array,
  encoding: "base64url" | "hex",
) => string =
  crypto.hash ?? ((algorithm, data, encoding) => crypto.createHash(algorithm).update(data).digest(encoding));
