import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { SharedSessionStorage } from "../shared.js";
import type { NewRecord, SharedOptions, VersionedRecord } from "../types.js";
import { keptFor } from "./removal.js";

/** What is used of a `DurableObjectNamespace`. */
export interface ObjectNamespace {
  idFromName(name: string): any;
  get(id: any): { fetch(url: string, init?: any): Promise<any> };
}

/** What is used of a `DurableObjectState`. */
export interface ObjectState {
  readonly storage: {
    get(key: string): Promise<any>;
    put(key: string, value: unknown): Promise<void>;
    put(entries: Record<string, unknown>): Promise<void>;
    delete(key: string): Promise<boolean>;
    delete(keys: string[]): Promise<number>;
    list(options: { prefix: string }): Promise<Map<string, any>>;
    getAlarm(): Promise<number | null>;
    setAlarm(time: number): Promise<void>;
    deleteAlarm(): Promise<void>;
    deleteAll(): Promise<void>;
  };
}

/** The options of {@link DurableObjectStorage}. */
export interface DurableObjectOptions extends SharedOptions {
  /** What the names of all objects begin with, so that several storages can share a namespace. Default: none. */
  prefix?: string | undefined;
}

/** A value of a Durable Object's storage is at most 128 KiB, with its key. */
const PIECE = 127 * 1024;
/** So many values are stored in one step. */
const LARGEST = 100 * PIECE;
/**
 * The Durable Object that keeps a session, or the sessions of a tag. Export it from your worker under the name that its binding
 * has; see {@link DurableObjectStorage}.
 */
export class SessionObject {
  readonly #storage: ObjectState["storage"];

  constructor(state: ObjectState) {
    this.#storage = state.storage;
  }

  async fetch(request: { method: string; headers: any; arrayBuffer(): Promise<ArrayBuffer> }): Promise<any> {
    const asked = JSON.parse(String(request.headers.get("x-sessile"))) as Asked;
    const data = new Uint8Array(await request.arrayBuffer());
    switch (asked.call) {
      case "load":
        return this.#load();
      case "replace":
        return answer(await this.#replace(asked.version, asked.remove ? null : data, asked.keepFor));
      case "add":
        return answer(await this.#add(asked.key, asked.keepFor));
      case "keys":
        return answer(await this.#keys(Date.now()));
    }
  }

  async alarm(): Promise<void> {
    const now = Date.now();
    const record = (await this.#storage.get("record")) as Kept | undefined;
    if (record === undefined) {
      await this.#keys(now);
    } else if (record.removeAt !== null && record.removeAt <= now) {
      await this.#storage.deleteAll();
    } else if (record.removeAt !== null) {
      await this.#storage.setAlarm(record.removeAt);
    }
  }

  async #load(): Promise<Response> {
    const kept = (await this.#storage.get("record")) as Kept | undefined;
    if (kept === undefined) return new Response(null, { status: 204 });
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < kept.pieces; at += 1)
      pieces.push((await this.#storage.get(`piece:${at}`)) as Uint8Array);
    return new Response(new Blob(pieces as BlobPart[]), { headers: { "x-version": kept.version } });
  }

  // No other event comes in between these: an object waits for its storage.
  async #replace(version: string | null, data: Uint8Array | null, keepFor: number | null): Promise<boolean> {
    const kept = (await this.#storage.get("record")) as Kept | undefined;
    if ((kept?.version ?? null) !== version) return false;
    if (data === null) {
      await this.#storage.deleteAlarm();
      await this.#storage.deleteAll();
      return true;
    }
    const removeAt = removalAfter(keepFor);
    const pieces = Math.ceil(data.length / PIECE);
    const record: Kept = { pieces, version: crypto.randomUUID(), removeAt };
    const entries: Record<string, unknown> = { record };
    for (let at = 0; at < pieces; at += 1) entries[`piece:${at}`] = data.slice(at * PIECE, (at + 1) * PIECE);
    const old = Math.max(0, (kept?.pieces ?? 0) - pieces);
    const left = Array.from({ length: old }, (_, at) => `piece:${pieces + at}`);
    // Not awaited one by one: what is asked of the storage at once is done as one step.
    await Promise.all([this.#storage.put(entries), left.length > 0 && this.#storage.delete(left)]);
    if (removeAt === null) await this.#storage.deleteAlarm();
    else await this.#storage.setAlarm(removeAt);
    return true;
  }

  async #add(key: string, keepFor: number | null): Promise<boolean> {
    const name = `key:${key}`;
    const before = (await this.#storage.get(name)) as number | null | undefined;
    const asked = removalAfter(keepFor);
    // Of two writes at once nobody knows here which one counts, so the session may live as long as the longer says.
    const removeAt =
      before === undefined ? asked : before === null || asked === null ? null : Math.max(before, asked);
    await this.#storage.put(name, removeAt);
    const alarm = await this.#storage.getAlarm();
    if (removeAt !== null && (alarm === null || alarm > removeAt)) await this.#storage.setAlarm(removeAt);
    return true;
  }

  /** The keys of a tag, without those whose sessions are long over. */
  async #keys(now: number): Promise<string[]> {
    const found = (await this.#storage.list({ prefix: "key:" })) as Map<string, number | null>;
    const keys: string[] = [];
    let next = Infinity;
    for (const [name, removeAt] of found) {
      if (removeAt !== null && removeAt <= now) {
        await this.#storage.delete(name);
        continue;
      }
      keys.push(name.slice("key:".length));
      next = Math.min(next, removeAt ?? Infinity);
    }
    if (next < Infinity) await this.#storage.setAlarm(next);
    return keys;
  }
}

interface Kept {
  readonly pieces: number;
  readonly version: string;
  readonly removeAt: number | null;
}

type Asked =
  | { readonly call: "load" }
  | {
      readonly call: "replace";
      readonly version: string | null;
      readonly remove: boolean;
      readonly keepFor: number | null;
    }
  | { readonly call: "add"; readonly key: string; readonly keepFor: number | null }
  | { readonly call: "keys" };

/** By the object's own clock, whatever that of the caller is. */
function removalAfter(keepFor: number | null): number | null {
  return keepFor === null ? null : Date.now() + keepFor;
}

function answer(value: unknown): Response {
  return Response.json(value);
}

/**
 * Sessions in Durable Objects, one for each session: the whole contract for all workers of the world, since an object is in
 * one place and does one thing at a time. A tag is an object too, with the keys of its sessions.
 *
 * A session has at most 12 MiB; a larger one is refused with `ERR_SESSION_TOO_LARGE`. An object forgets an expired session by its
 * alarm, an hour after its time; `sweep()` finds nothing, and there are no `stats()`.
 *
 * @example
 * ```js
 * import { DurableObjectStorage, SessionObject } from "sessile/cloudflare";
 *
 * export { SessionObject };
 *
 * export default {
 *   async fetch(request, env) {
 *     const storage = new DurableObjectStorage(env.SESSIONS, { idleTimeout: "30m" });
 *     return Response.json((await storage.getJson("an id")) ?? null);
 *   },
 * };
 * ```
 */
export class DurableObjectStorage extends SharedSessionStorage {
  readonly #namespace: ObjectNamespace;
  readonly #prefix: string;
  readonly #clock: () => number;

  constructor(namespace: ObjectNamespace, options: DurableObjectOptions = {}) {
    super(options);
    const { prefix = "", clock = Date.now } = options;
    if (typeof (namespace as ObjectNamespace | undefined)?.idFromName !== "function") {
      throw invalid("namespace must be a binding of Durable Objects");
    }
    if (typeof prefix !== "string") throw invalid("prefix must be a string");
    this.#namespace = namespace;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  override async load(key: string): Promise<VersionedRecord | null> {
    const response = await this.#ask(`session:${key}`, { call: "load" });
    if (response.status === 204) return null;
    const data = new Uint8Array(await response.arrayBuffer());
    return { data, version: response.headers.get("x-version") ?? "" };
  }

  override async replace(key: string, version: string | null, record: NewRecord | null): Promise<boolean> {
    const { data = null, expiresAt = null, tags = [] } = record ?? {};
    if (data !== null && data.length > LARGEST) {
      throw new SessionError(
        "ERR_SESSION_TOO_LARGE",
        "a Durable Object keeps no session of more than 12 MiB",
      );
    }
    const keepFor = keptFor(expiresAt, this.#clock());
    // Before the session has them, so that a tag finds every session that was committed before.
    for (const tag of tags) {
      const added = await this.#ask(`tag:${tag}`, { call: "add", key, keepFor });
      await added.json();
    }
    const asked: Asked = { call: "replace", version, remove: data === null, keepFor };
    return (await (await this.#ask(`session:${key}`, asked, data ?? undefined)).json()) === true;
  }

  override async tagged(tag: string): Promise<string[]> {
    return (await (await this.#ask(`tag:${tag}`, { call: "keys" })).json()) as string[];
  }

  async #ask(name: string, asked: Asked, body?: Uint8Array): Promise<Response> {
    try {
      const object = this.#namespace.get(this.#namespace.idFromName(this.#prefix + name));
      const init = { method: "POST", headers: { "x-sessile": JSON.stringify(asked) }, body };
      const response = (await object.fetch("https://sessile/", init)) as Response;
      if (response.ok) return response;
      throw new Error(`status ${response.status}`);
    } catch (cause) {
      throw new SessionError("ERR_SESSION_STORAGE", "a Durable Object failed", { cause });
    }
  }
}
