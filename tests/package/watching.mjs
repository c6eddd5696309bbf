const METHODS = ["get", "set", "touch", "invalidate"];

/** The storage in memory that is given, of which each call is counted, and can be replaced. */
export function watching(memory) {
  const calls = {};
  const storage = {
    memory,
    calls,
    instead: {},
    capabilities: memory.capabilities,
    write: (...given) => memory.write(...given),
    read: (...given) => memory.read(...given),
    invalidateTagged: (tag) => memory.invalidateTagged(tag),
  };
  for (const method of METHODS) {
    storage[method] = (...given) => {
      calls[method] = (calls[method] ?? 0) + 1;
      return (storage.instead[method] ?? memory[method].bind(memory))(...given);
    };
  }
  return storage;
}
