import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { SimplifiedSessionStorage } from "../simplified.js";
import type { StorageOptions } from "../types.js";
import { keptFor } from "./removal.js";

/** What is used of a `KVNamespace`. */
export interface WorkersKv {
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  put(key: string, value: Uint8Array, options?: { expirationTtl?: number }): Promise<void>;
  delete(key: string): Promise<void>;
}

/** The options of {@link WorkersKvStorage}. */
export interface WorkersKvOptions extends StorageOptions {
  /** What all keys begin with. Default: `"sessile:"`. */
  prefix?: string | undefined;
}

/**
 * Sessions in Workers KV, which answers in another part of the world with what was there a minute ago or more. So it has no
 * conditional writes: parallel requests lose each other's changes, and a session can be read for a while after its logout.
 * `cookie()` and `header()` take it only with `onConflict: "overwrite"`, by which you say that you know. For logins, take
 * `DurableObjectStorage`.
 *
 * KV removes what has expired by itself, an hour late.
 *
 * @example
 * ```js
 * import { cookie, sessions } from "sessile";
 * import { WorkersKvStorage } from "sessile/cloudflare";
 *
 * export default {
 *   fetch(request, env) {
 *     const storage = new WorkersKvStorage(env.CARTS, { idleTimeout: "30d" });
 *     const app = sessions({ cart: cookie("cart", storage, { onConflict: "overwrite" }) });
 *     return app.fetch(async (_, { cart }) => Response.json((await cart.get()) ?? []))(request);
 *   },
 * };
 * ```
 */
export class WorkersKvStorage extends SimplifiedSessionStorage {
  readonly #kv: WorkersKv;
  readonly #prefix: string;
  readonly #clock: () => number;

  constructor(kv: WorkersKv, options: WorkersKvOptions = {}) {
    super({ ...options, durable: true });
    const { prefix = "sessile:", clock = Date.now } = options;
    if (typeof (kv as WorkersKv | undefined)?.put !== "function") throw invalid("kv must be a binding of KV");
    if (typeof prefix !== "string") throw invalid("prefix must be a string");
    this.#kv = kv;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  override async load(key: string): Promise<Uint8Array | null> {
    const found = await this.#call(() => this.#kv.get(this.#prefix + key, "arrayBuffer"));
    return found === null ? null : new Uint8Array(found);
  }

  override async store(key: string, data: Uint8Array | null, expiresAt: number | null): Promise<void> {
    const name = this.#prefix + key;
    if (data === null) return this.#call(() => this.#kv.delete(name));
    const millis = keptFor(expiresAt, this.#clock());
    // In seconds, which KV keeps in 32 bits.
    const expirationTtl = millis === null ? undefined : Math.min(Math.ceil(millis / 1000), 2 ** 31 - 1);
    const options = expirationTtl === undefined ? undefined : { expirationTtl };
    return this.#call(() => this.#kv.put(name, data, options));
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new SessionError("ERR_SESSION_STORAGE", "Workers KV failed", { cause });
    }
  }
}
