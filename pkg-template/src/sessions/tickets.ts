import { isWellFormed } from "../id.js";
import { invalid } from "../options.js";
import { Remembered } from "../remembered.js";
import type { SecretList } from "../secrets.js";
import { Sealer, Signer, type Verified } from "../ticket.js";

/** What the client holds of an id. */
export interface Tickets {
  of(id: string): string;
  /** The id in a ticket, or `undefined` for one that this cannot be. */
  idIn(ticket: string): Verified | undefined;
  /** Whether only those that we have given are taken. */
  readonly areOurs: boolean;
}

/** Ids as they are without secrets, signed with them, or sealed. */
export function ticketsOf(name: string, secrets: SecretList | undefined, seal: unknown = false): Tickets {
  if (typeof seal !== "boolean") throw invalid("seal must be true or false");
  if (secrets === undefined) {
    if (seal) throw invalid("seal needs secrets");
    return BARE;
  }
  return seal ? sealed(name, new Sealer(secrets)) : signed(new Signer(secrets));
}

const BARE: Tickets = {
  areOurs: false,
  of: (id) => id,
  idIn: (ticket) => (isId(ticket) ? { id: ticket, byNewest: true } : undefined),
};

function isId(text: string): boolean {
  return text !== "" && text.length <= 1024 && isWellFormed(text);
}

function signed(signer: Signer): Tickets {
  const verified = new Remembered((ticket) => signer.check(ticket));
  return { areOurs: true, of: (id) => signer.sign(id), idIn: (ticket) => verified.of(ticket) };
}

function sealed(name: string, sealer: Sealer): Tickets {
  const verified = new Remembered((ticket) => {
    const opened = sealer.open(name, ticket);
    if (opened === undefined) return undefined;
    const id = new TextDecoder().decode(opened.data);
    // Something else that was sealed for this name.
    return isId(id) ? { id, byNewest: opened.byNewest } : undefined;
  });
  return { areOurs: true, of: (id) => sealer.seal(name, id), idIn: (ticket) => verified.of(ticket) };
}

/** What is made of the first of a request's tickets of which something can be made: a neighbouring host may have put one before ours. */
export function firstOf<R>(
  tickets: Iterable<string>,
  open: (ticket: string) => R | undefined,
): R | undefined {
  for (const ticket of tickets) {
    const opened = open(ticket);
    if (opened !== undefined) return opened;
  }
  return undefined;
}
