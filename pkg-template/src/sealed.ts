import { capabilitiesOf, checkDelegate, declareBuiltIn, delegateCore } from "./delegate.js";
import { invalid } from "./options.js";
import { MIN_SEALING_BYTES, packSecrets, type SecretList } from "./secrets.js";
import { CoreStorage } from "./storage.js";
import type { SessionStorage, StorageCapabilities } from "./types.js";
import { core } from "./wasm.js";
import type { StorageCore } from "./wasm/sessile.js";

/** The options of `SealedStorage`. */
export interface SealedOptions {
  /** Newest first, each of at least 32 bytes: the first seals, all open. */
  keys: SecretList;
}

/** What is sealed as one. */
const CHUNK = 65_536;

/**
 * Keeps the sessions of another storage encrypted: what lies on its medium tells no content and no tag, and one that was
 * changed, cut, or moved to another session rejects with `ERR_SESSION_CORRUPT`.
 *
 * A content is sealed in chunks of 64 KiB by XChaCha20-Poly1305, so that a session of any size passes through in constant
 * memory; nothing is handed out that was not found to be whole. All else is the other storage's, which must have no
 * sessions that were written without this. Closing this closes it.
 *
 * A key is replaced by putting a new one in front; on several servers, give it to all of them behind the old one first. A key
 * may go when no session sealed by it is left: those that are, are damaged then. A write that says its tags or its
 * `ifRevision` seals the tags anew; any other keeps the old seal of the tags.
 *
 * Not hidden are the number of sessions, their times, the lengths of their contents and tags, and which of them share a tag.
 * Not found out is a record that was put back as it was before, or removed, and a change of its times or tags by somebody who
 * writes to the medium. `docs/security.md` says more.
 *
 * The limits and the `stats` of the other storage count sealed bytes: see {@link sealedLength}. A tag of more than
 * 720 bytes counts as two of a session's 64.
 *
 * @example
 * ```js
 * import { DirectoryStorage, SealedStorage } from "sessile";
 *
 * const keys = [process.env.SESSION_KEY, process.env.OLD_SESSION_KEY];
 * const storage = new SealedStorage(new DirectoryStorage("./sessions"), { keys });
 * ```
 */
export class SealedStorage extends CoreStorage {
  readonly capabilities: StorageCapabilities;

  readonly #delegate: SessionStorage;
  readonly #keys: Uint8Array;
  #storage: StorageCore | undefined;

  /**
   * @param delegate any storage, also one of your own
   *
   * Throws `ERR_SESSION_INVALID_OPTION` for anything else, for no key, or one of less than 32 bytes.
   */
  constructor(delegate: SessionStorage, options: SealedOptions) {
    super();
    if (typeof options !== "object" || options === null) throw invalid("options must be an object with keys");
    this.#delegate = checkDelegate(delegate);
    this.#keys = packSecrets(options.keys, "keys", MIN_SEALING_BYTES);
    this.capabilities = Object.freeze(capabilitiesOf(delegate));
  }

  /**
   * How long a content of so many bytes is when it is sealed, for the `maxSessionBytes` of the other storage. Throws
   * `ERR_SESSION_INVALID_OPTION` for what is no length.
   */
  static sealedLength(byteLength: number): number {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw invalid("byteLength must be a whole number of bytes");
    }
    return byteLength + 32 + 16 * Math.max(1, Math.ceil(byteLength / CHUNK));
  }

  protected override coreStorage(): StorageCore {
    return (this.#storage ??= this.#open());
  }

  #open(): StorageCore {
    const storage = core().sealedStorage(delegateCore(this.#delegate), this.#keys);
    // The core has its own copy.
    this.#keys.fill(0);
    return storage;
  }
}

declareBuiltIn(SealedStorage);
