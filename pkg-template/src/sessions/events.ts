import type { SessionEvent } from "./options.js";

/** How often each thing has happened to the sessions of a name since they were defined. */
export type SessionCounters = { readonly [Type in SessionEvent["type"]]: number };

/** Tells what happens to sessions, and counts it. */
export class Events {
  readonly #counters: { [Type in SessionEvent["type"]]: number } = {
    created: 0,
    renewed: 0,
    regenerated: 0,
    invalidated: 0,
    ended: 0,
    conflict: 0,
    expired: 0,
    unknown: 0,
    moved: 0,
    invalid: 0,
  };
  readonly #name: string;
  readonly #onEvent: ((event: SessionEvent) => void) | undefined;

  constructor(name: string, onEvent: ((event: SessionEvent) => void) | undefined) {
    this.#name = name;
    this.#onEvent = onEvent;
  }

  get counters(): SessionCounters {
    return { ...this.#counters };
  }

  tell(type: SessionEvent["type"]): void {
    this.#counters[type] += 1;
    const event = { type, name: this.#name };
    try {
      if (channel()?.hasSubscribers === true) channel()?.publish(event);
      this.#onEvent?.(event);
    } catch {
      // A log that fails must not cost a session.
    }
  }
}

/** What is used of a channel of `node:diagnostics_channel`. */
interface DiagnosticsChannel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

let found: DiagnosticsChannel | null | undefined;

/** Node, Deno, Bun and workerd have it; it is looked for at the first event. */
function channel(): DiagnosticsChannel | null {
  if (found !== undefined) return found;
  const { process } = globalThis as {
    process?: {
      getBuiltinModule?: (name: string) => { channel(name: string): DiagnosticsChannel } | undefined;
    };
  };
  found = process?.getBuiltinModule?.("node:diagnostics_channel")?.channel("sessile:session") ?? null;
  return found;
}
