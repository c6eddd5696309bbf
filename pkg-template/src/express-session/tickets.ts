import { Remembered } from "../remembered.js";
import { unescaped } from "../sessions/cookie-header.js";
import type { Signer } from "../ticket.js";

/** What clients have in their cookies: signed ids. Of the last ones it is remembered that the signature was good. */
export class Tickets {
  readonly #signer: Signer;
  readonly #ids = new Remembered((escaped) => this.verified(unescaped(escaped)));
  readonly #signed = new Remembered((id) => encodeURIComponent(this.#signer.sign(id)));

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** The id in a cookie's value as it was sent. */
  idIn(escaped: string): string | undefined {
    return this.#ids.of(escaped);
  }

  verified(ticket: unknown): string | undefined {
    return typeof ticket === "string" && ticket.startsWith("s:") ? this.#signer.verify(ticket) : undefined;
  }

  /** A cookie's value for an id. */
  signed(id: string): string {
    return this.#signed.of(id) as string;
  }
}
