import { SessionError } from "./error.js";
import { invalid } from "./options.js";
import { CoreStorage } from "./storage.js";
import type { BuiltInStorage, SessionStorage, StorageCapabilities } from "./types.js";
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

/**
 * A storage as the core sees it: without a way through JavaScript where it is one of our own.
 *
 * @param guarded what the core is to call in the place of one that is not
 */
export function delegateCore(storage: SessionStorage, guarded = (own: SessionStorage) => own): StorageCore {
  if (storage instanceof CoreStorage && isUnchanged(storage)) return CoreStorage.coreOf(storage);
  const { streams, conditional, tags, durable, shared } = capabilitiesOf(storage);
  const own = guarded(storage);
  const list = (tag: string): Promise<unknown[]> => listed(own as Partial<BuiltInStorage>, tag);
  return core().customStorage(own, list, streams, conditional, tags, durable, shared);
}

async function listed(storage: Partial<BuiltInStorage>, tag: string): Promise<unknown[]> {
  if (typeof storage.listTagged !== "function")
    throw new SessionError("ERR_SESSION_UNSUPPORTED", "the storage keeps no tags");
  const infos = storage.listTagged(tag) as AsyncIterable<unknown> | undefined;
  if (infos?.[Symbol.asyncIterator] === undefined)
    throw new SessionError("ERR_SESSION_STORAGE", "listTagged() must give an async iterable");
  const found: unknown[] = [];
  for await (const info of infos) found.push(info);
  return found;
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
