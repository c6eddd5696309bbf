import { unescaped } from "../sessions/cookie-header.js";
import type { Signer } from "../ticket.js";

/** So many are remembered: those of clients that ask again and again. */
const MOST = 10_000;
/** Longer ones are not worth it. */
const LONGEST = 256;

/** What clients have in their cookies: signed ids. Of the last ones it is remembered that the signature was good. */
export class Tickets {
  readonly #signer: Signer;
  readonly #ids = new Map<string, string>();
  readonly #signed = new Map<string, string>();

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** The id in a cookie's value as it was sent. */
  idIn(escaped: string): string | undefined {
    const known = this.#ids.get(escaped);
    if (known !== undefined) return known;
    const id = this.verified(unescaped(escaped));
    if (id !== undefined) remember(this.#ids, escaped, id);
    return id;
  }

  verified(ticket: unknown): string | undefined {
    return typeof ticket === "string" && ticket.startsWith("s:") ? this.#signer.verify(ticket) : undefined;
  }

  /** A cookie's value for an id. */
  signed(id: string): string {
    const known = this.#signed.get(id);
    if (known !== undefined) return known;
    const escaped = encodeURIComponent(this.#signer.sign(id));
    remember(this.#signed, id, escaped);
    return escaped;
  }
}

function remember(map: Map<string, string>, key: string, value: string): void {
  if (key.length + value.length > 2 * LONGEST) return;
  // All at once: a rare moment of work in place of a little with each request.
  if (map.size === MOST) map.clear();
  map.set(key, value);
}
