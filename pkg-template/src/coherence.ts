import { invalid } from "./options.js";
import type { CoreStorage } from "./storage.js";

/** Tells a cache what others have changed: the `changes` of a {@link CacheStorage}. */
export interface Changes {
  /** How a session is named in what is told: by its id, or a hash of it. */
  nameOf(id: string): string;
  /**
   * Calls `listener` with the name of each session that somebody else has changed, and with `undefined` where it is not known
   * what was changed: then, and when nothing was heard for a while because a connection broke, all of them.
   *
   * @returns what ends it
   */
  subscribe(listener: (name: string | undefined) => void): () => void;
  /** Called when a change has been made here; left out where others learn of it without. */
  publish?(name: string | undefined): void;
}

/** The cache whose entries are to leave when others change what they are of. */
interface Cache extends CoreStorage {
  forget(id?: string): void;
}

const READING = ["read", "get", "getJson", "info"] as const;
const CHANGING = ["write", "set", "setJson", "touch", "invalidate"] as const;

/**
 * Puts itself before the methods of one cache, which thereby is no longer one that the core knows the way around. A name is
 * noted before the delegate is asked, so that what is told meanwhile stops the answer from being kept.
 *
 * @returns what ends it
 */
export function keepCoherent(cache: Cache, changes: Changes, most: number): () => void {
  let isOver = false;
  const notes = new Map<string, { readonly name: string }>();
  const ids = new Map<string, string>();
  const note = (id: unknown): { readonly name: string } | undefined => {
    if (typeof id !== "string") return undefined;
    const known = notes.get(id);
    if (known !== undefined) return known;
    const fresh = { name: changes.nameOf(id) };
    notes.set(id, fresh);
    ids.set(fresh.name, id);
    for (const [oldest, { name }] of notes) {
      if (notes.size <= most) break;
      notes.delete(oldest);
      ids.delete(name);
      cache.forget(oldest);
    }
    return fresh;
  };
  type Method = (id: unknown, ...rest: unknown[]) => Promise<unknown>;
  const methods = cache as unknown as Record<string, Method>;
  for (const method of READING) {
    const own = (methods[method] as Method).bind(cache);
    methods[method] = async (id, ...rest) => {
      note(id);
      return own(id, ...rest);
    };
  }
  for (const method of CHANGING) {
    const own = (methods[method] as Method).bind(cache);
    methods[method] = async (id, ...rest) => {
      const noted = note(id);
      try {
        return await own(id, ...rest);
      } finally {
        if (noted !== undefined) {
          // What was told while the name was not known is missing in what the cache has kept of this.
          if (!isOver && notes.get(id as string) !== noted) cache.forget(id as string);
          // Also where it failed: what has come of it is not known then.
          changes.publish?.(noted.name);
        }
      }
    };
  }
  const own = cache.invalidateTagged.bind(cache);
  cache.invalidateTagged = async (tag) => {
    try {
      return await own(tag);
    } finally {
      changes.publish?.(undefined);
    }
  };
  const end = changes.subscribe((name) => {
    if (isOver) return;
    if (name === undefined) return cache.forget();
    const id = ids.get(name);
    if (id !== undefined) cache.forget(id);
  });
  return () => {
    // What is still on its way finds the cache closed.
    isOver = true;
    end();
  };
}

export function checkChanges(changes: unknown): Changes | undefined {
  if (changes === undefined) return undefined;
  const { nameOf, subscribe } = (changes ?? {}) as Partial<Changes>;
  if (typeof nameOf === "function" && typeof subscribe === "function") return changes as Changes;
  throw invalid("changes must tell of changes, as broadcastChanges() and redisChanges() do");
}

/**
 * Changes between the tabs and workers of one origin, or the threads of one process, over a `BroadcastChannel`: each cache tells
 * the others what was changed through it. What is changed past all caches is not told.
 *
 * @param name of the channel: the same for all who share a storage
 *
 * @example
 * ```js
 * import { CacheStorage, DirectoryStorage, broadcastChanges } from "sessile";
 *
 * const storage = new CacheStorage(new DirectoryStorage("sessions"), { changes: broadcastChanges("sessions") });
 * ```
 */
export function broadcastChanges(name: string): Changes {
  if (typeof name !== "string" || name === "") throw invalid("a channel's name must be a string");
  const channels = new Set<BroadcastChannel>();
  return {
    nameOf: (id) => id,
    subscribe(listener) {
      const channel = new BroadcastChannel(`sessile:${name}`);
      // In Node it would keep the process alive.
      (channel as { unref?: () => void }).unref?.();
      channels.add(channel);
      channel.onmessage = ({ data }: MessageEvent) => listener(typeof data === "string" ? data : undefined);
      channel.onmessageerror = () => listener(undefined);
      return () => {
        channels.delete(channel);
        channel.close();
      };
    },
    publish(id) {
      for (const channel of channels) channel.postMessage(id ?? null);
    },
  };
}
