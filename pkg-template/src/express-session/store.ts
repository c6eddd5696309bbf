import { EventEmitter } from "node:events";
import { Cookie } from "./cookie.js";
import { Session, type SessionRequest } from "./session.js";

/** What stores of express-session extend. `get`, `set` and `destroy` are theirs to write. */
export interface Store extends EventEmitter {
  get(id: string, callback: (error: any, session?: any) => void): unknown;
  set(id: string, session: any, callback?: (error?: any) => void): unknown;
  destroy(id: string, callback?: (error?: any) => void): unknown;
  touch?(id: string, session: any, callback?: (error?: any) => void): unknown;
  all?(callback: (error: any, sessions?: any) => void): unknown;
  length?(callback: (error: any, length?: number) => void): unknown;
  clear?(callback?: (error?: any) => void): unknown;
  /** Ends the request's session, and gives it a new one. */
  regenerate(request: any, callback: (error?: any) => void): void;
  /** Calls back with the session of an id, if there is one, for no request. */
  load(id: string, callback: (error?: any, session?: any) => void): void;
  /** Makes a session of what was stored, and gives it to the request. */
  createSession(request: any, content: any): Session;
  /** Gives the request a new session. The middleware puts this method in. */
  generate(request: any): void;
}

export interface StoreConstructor {
  new (options?: unknown): Store;
  (this: object, options?: unknown): void;
  readonly prototype: Store;
}

/** A function and no class, since many stores still call their parent as one: `Store.call(this)`. */
export const Store = function Store(this: object): void {
  (EventEmitter as unknown as (this: object) => void).call(this);
} as unknown as StoreConstructor;

const methods: Pick<Store, "regenerate" | "load" | "createSession"> & ThisType<Store> = {
  regenerate(request, callback) {
    this.destroy(request.sessionID, (error) => {
      this.generate(request);
      callback(error);
    });
  },

  load(id, callback) {
    this.get(id, (error, content) => {
      if (error) return callback(error);
      if (!content) return callback();
      return callback(null, this.createSession({ sessionID: id, sessionStore: this }, content));
    });
  },

  createSession(request: SessionRequest, content) {
    const { expires, originalMaxAge } = content.cookie;
    const cookie = new Cookie(content.cookie);
    if (typeof expires === "string") cookie.expires = new Date(expires);
    cookie.originalMaxAge = originalMaxAge;
    content.cookie = cookie;
    const session = new Session(request, content);
    request.session = session;
    return session;
  },
};

Object.setPrototypeOf(Store, EventEmitter);
Object.setPrototypeOf(Store.prototype, EventEmitter.prototype);
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(Store.prototype, name, { value, writable: true, configurable: true });
}
