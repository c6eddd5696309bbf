import { invalid } from "./options.js";
import { CoreStorage } from "./storage.js";
import type { SessionStorage, StorageCapabilities } from "./types.js";
import { core } from "./wasm.js";
import type { StorageCore } from "./wasm/sessile.js";

/** The methods that make a storage; one that has its own in place of ours is asked through them. */
const METHODS = [
  "write",
  "read",
  "invalidate",
  "get",
  "set",
  "info",
  "touch",
  "listTagged",
  "invalidateTagged",
  "sweep",
  "stats",
  "close",
] as const satisfies readonly (keyof CoreStorage)[];

const builtIns = new Set<object>();

/** Tells that the core does all that instances of this class do, unless a subclass has methods of its own. */
export function declareBuiltIn(storage: { readonly prototype: CoreStorage }): void {
  builtIns.add(storage.prototype);
}

/** Refuses what is no storage, when it is given and not at the first call. */
export function checkDelegate(delegate: unknown): SessionStorage {
  const { write, read, invalidate } = (delegate ?? {}) as Partial<SessionStorage>;
  if ([write, read, invalidate].every((method) => typeof method === "function")) {
    return delegate as SessionStorage;
  }
  throw invalid("a delegate must be a storage, with write, read and invalidate");
}

/** What a storage can do, as far as it says. */
export function capabilitiesOf(storage: SessionStorage): StorageCapabilities {
  const { capabilities = {} } = storage as { capabilities?: Partial<StorageCapabilities> };
  const { streams, conditional, tags, durable, shared } = capabilities;
  return {
    streams: streams ?? true,
    conditional: conditional ?? false,
    tags: tags ?? false,
    durable: durable ?? false,
    // Of a storage that does not say, nobody knows who else writes to it.
    shared: shared ?? true,
  };
}

/** A storage as the core sees it: without a way through JavaScript where it is one of our own. */
export function delegateCore(storage: SessionStorage): StorageCore {
  if (storage instanceof CoreStorage && isUnchanged(storage)) return CoreStorage.coreOf(storage);
  const { streams, conditional, tags, durable, shared } = capabilitiesOf(storage);
  return core().customStorage(storage, streams, conditional, tags, durable, shared);
}

/** Whether no method of a built-in class was replaced, in a subclass or in the object itself. */
function isUnchanged(storage: CoreStorage): boolean {
  for (
    let link: object | null = storage;
    link !== null;
    link = Object.getPrototypeOf(link) as object | null
  ) {
    if (builtIns.has(link)) return true;
    const own = link;
    if (METHODS.some((method) => Object.hasOwn(own, method))) return false;
  }
  return false;
}
