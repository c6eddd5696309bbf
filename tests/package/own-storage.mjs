// Storages as users write them: plain objects, of which the core knows nothing.
import { SessionStorageMemory } from "sessile";

const METHODS = ["get", "set", "info", "touch", "listTagged", "invalidateTagged", "sweep", "stats", "close"];

/** An object with every method that a built-in storage has. */
export function ownStorage(options) {
  const memory = new SessionStorageMemory(options);
  const own = { ...threeMethods(memory), capabilities: memory.capabilities };
  for (const method of METHODS) own[method] = (...given) => memory[method](...given);
  return own;
}

/** The least that a storage is. */
export function threeMethods(memory = new SessionStorageMemory()) {
  return {
    write: (...given) => memory.write(...given),
    read: (...given) => memory.read(...given),
    invalidate: (id) => memory.invalidate(id),
  };
}
