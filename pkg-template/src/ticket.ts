import { SessionError } from "./error.js";
import { isWellFormed } from "./id.js";
import { invalid } from "./options.js";
import { MIN_SEALING_BYTES, packSecrets, type SecretList } from "./secrets.js";
import { wholeBytes } from "./storage.js";
import { core } from "./wasm.js";
import type { SealerCore, SignerCore } from "./wasm/sessile.js";
import { cell, copyAt, decodeAt, placeBytes, placeId, placeName, placeText } from "./window.js";

/** HMAC-SHA256 in base64 without padding. */
const SIGNATURE = 43;
/** The longest text that is looked at: a prefix, the longest id, a dot, a signature. */
const LONGEST_SIGNED = 2 + 1024 + 1 + SIGNATURE;
/** That of the largest content that is sealed, 16 KiB. */
const LONGEST_SEALED = 22_000;

/** What the core answers where an error waits, where there is nothing, and where the newest secret was it. */
const FAILED = -1;
const NONE = 0;
const BY_NEWEST = 1;

/** An id that was signed. */
export interface Verified {
  readonly id: string;
  /** Whether the newest secret has signed it. If not, give the client one that it has. */
  readonly byNewest: boolean;
}

/** A content that was sealed. */
export interface Opened {
  readonly data: Uint8Array;
  /** Whether the newest secret has sealed it. If not, give the client one that it has. */
  readonly byNewest: boolean;
}

/**
 * Signs ids for a cookie or a header, and verifies what comes back.
 *
 * The text is that of express-session and of `cookie-signature`: `s:`, the id, a dot, and HMAC-SHA256 of the id in base64
 * without padding; so a WebSocket or another server knows the sessions of an Express application. It is not escaped:
 * a cookie's value takes percent-encoding (`encodeURIComponent`).
 *
 * Nothing here waits: signatures are made and compared in wasm, in constant time and with all secrets.
 *
 * @example
 * ```js
 * import { Signer, generateSessionId } from "sessile";
 *
 * const signer = new Signer([process.env.NEW_SECRET, process.env.OLD_SECRET]);
 * const ticket = signer.sign(generateSessionId());
 * signer.verify(ticket); // the id
 * signer.verify("s:chosen by the client.AAAA"); // undefined
 * ```
 */
export class Signer {
  #secrets: Uint8Array | undefined;
  #core: SignerCore | undefined;

  /**
   * @param secrets newest first, of any length, though 32 random bytes are right
   *
   * Throws `ERR_SESSION_INVALID_OPTION` for no secret, or an empty one.
   */
  constructor(secrets: SecretList) {
    this.#secrets = packSecrets(secrets, "secrets");
  }

  /** The id with its signature. Throws `ERR_SESSION_INVALID_ID` for what is no id. */
  sign(id: string): string {
    const signer = this.#signer();
    const address = signer.sign(placeId(id));
    if (address === FAILED) throw core().takeError();
    return `s:${id}.${decodeAt(address, SIGNATURE)}`;
  }

  /** The id in a signed text, or `undefined` for one that no secret has signed. */
  verify(ticket: string): string | undefined {
    return this.#verified(ticket) === NONE ? undefined : idIn(ticket);
  }

  /** As {@link verify}, and by which secret. */
  check(ticket: string): Verified | undefined {
    const found = this.#verified(ticket);
    return found === NONE ? undefined : { id: idIn(ticket), byNewest: found === BY_NEWEST };
  }

  #verified(ticket: string): number {
    if (typeof ticket !== "string" || ticket.length > LONGEST_SIGNED) return NONE;
    const signer = this.#signer();
    const length = placeText(ticket);
    // Lone surrogates would be encoded as another text, which somebody may have signed.
    if (length !== ticket.length && !isWellFormed(ticket)) return NONE;
    return signer.verify(length);
  }

  #signer(): SignerCore {
    return (this.#core ??= this.#open());
  }

  #open(): SignerCore {
    const secrets = this.#secrets ?? new Uint8Array(0);
    const signer = new (core().SignerCore)(secrets);
    this.#secrets = forget(secrets);
    return signer;
  }
}

/**
 * Seals a content for a cookie or a header: an id that shall not be read, or a whole small session.
 *
 * Sealed is encrypted (XChaCha20-Poly1305), bound to the cookie's name, and found to be so when it is opened. The text
 * needs no escaping in a cookie. It says nothing of time: put a deadline into the content if it shall have one.
 *
 * @example
 * ```js
 * import { Sealer } from "sessile";
 *
 * const sealer = new Sealer([process.env.NEW_SECRET, process.env.OLD_SECRET]);
 * const ticket = sealer.seal("cart", '{"items":[17]}');
 * sealer.open("cart", ticket)?.data; // the bytes
 * sealer.open("another cookie", ticket); // undefined
 * ```
 */
export class Sealer {
  #secrets: Uint8Array | undefined;
  #core: SealerCore | undefined;

  /**
   * @param secrets newest first, each of at least 32 bytes
   *
   * Throws `ERR_SESSION_INVALID_OPTION` for no secret, or one that is shorter.
   */
  constructor(secrets: SecretList) {
    this.#secrets = packSecrets(secrets, "secrets", MIN_SEALING_BYTES);
  }

  /**
   * Seals a content for the cookie of this name; a string counts as its UTF-8. Throws `ERR_SESSION_TOO_LARGE` for more than
   * 16 KiB.
   */
  seal(name: string, content: string | Uint8Array): string {
    checkName(name);
    const whole = typeof content === "string" ? content : wholeBytes(content);
    if (whole === undefined) throw invalid("a content must be a string or bytes");
    const sealer = this.#sealer();
    const length = typeof whole === "string" ? placeText(whole) : placeBytes(whole);
    if (length < 0)
      throw new SessionError("ERR_SESSION_TOO_LARGE", "the content is larger than a client would hold");
    const address = sealer.seal(placeName(name), length);
    if (address === FAILED) throw core().takeError();
    return decodeAt(address, cell(0));
  }

  /** What was sealed for the cookie of this name, or `undefined` for anything else. */
  open(name: string, ticket: string): Opened | undefined {
    checkName(name);
    if (typeof ticket !== "string" || ticket.length > LONGEST_SEALED) return undefined;
    const sealer = this.#sealer();
    const length = placeText(ticket);
    const address = sealer.open(placeName(name), length);
    return address === NONE ? undefined : { data: copyAt(address, cell(0)), byNewest: cell(1) === BY_NEWEST };
  }

  #sealer(): SealerCore {
    return (this.#core ??= this.#open());
  }

  #open(): SealerCore {
    const secrets = this.#secrets ?? new Uint8Array(0);
    const sealer = new (core().SealerCore)(secrets);
    this.#secrets = forget(secrets);
    return sealer;
  }
}

/** The core has its own copy. */
function forget(secrets: Uint8Array): undefined {
  secrets.fill(0);
}

function idIn(ticket: string): string {
  return ticket.slice(2, -SIGNATURE - 1);
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== "string" || name.length > 256 || !isWellFormed(name)) {
    throw invalid("a cookie's name must be a string of at most 256 characters");
  }
}
