import { serialized } from "./serialized-cookie.js";

/** How the cookie of a session is sent. */
export interface CookieOptions {
  /** In milliseconds; the cookie expires so long after the last activity. Default: with the browser's session. */
  maxAge?: number | null | undefined;
  /** A date in place of an age. Of the two, the one that stands last in the object holds. */
  expires?: Date | null | undefined;
  originalMaxAge?: number | null | undefined;
  httpOnly?: boolean | undefined;
  path?: string | undefined;
  domain?: string | undefined;
  /** `"auto"`: as the request came. */
  secure?: boolean | "auto" | undefined;
  /** `true` is strict. `"auto"`: none where the request came by https, else lax. */
  sameSite?: boolean | "lax" | "strict" | "none" | "auto" | undefined;
  partitioned?: boolean | undefined;
  priority?: "low" | "medium" | "high" | undefined;
  signed?: boolean | undefined;
  encode?: ((value: string) => string) | undefined;
}

/** What is stored of a cookie, in the order in which express-session stores it. */
export interface CookieData {
  originalMaxAge: number | null;
  partitioned: boolean | undefined;
  priority: "low" | "medium" | "high" | undefined;
  expires: Date | null | undefined;
  secure: boolean | "auto" | undefined;
  httpOnly: boolean;
  domain: string | undefined;
  path: string;
  sameSite: boolean | "lax" | "strict" | "none" | "auto" | undefined;
}

/** The cookie of one session, at `req.session.cookie`. */
export class Cookie {
  // By this name it is stored in the fields of an object that stores copy.
  _expires: Date | null | undefined;
  originalMaxAge: number | null = null;
  httpOnly: boolean;
  path: string;
  declare domain: string | undefined;
  declare secure: boolean | "auto" | undefined;
  declare sameSite: boolean | "lax" | "strict" | "none" | "auto" | undefined;
  declare partitioned: boolean | undefined;
  declare priority: "low" | "medium" | "high" | undefined;

  constructor(options?: CookieOptions | null) {
    this.path = "/";
    this._expires = null;
    this.httpOnly = true;
    if (options) {
      if (typeof options !== "object") throw new TypeError("a cookie's options must be an object");
      // In their order: of `maxAge` and `expires` the last one holds.
      for (const key in options) {
        if (key !== "data") (this as Record<string, any>)[key] = (options as Record<string, unknown>)[key];
      }
    }
    this.originalMaxAge ??= this.maxAge;
  }

  get expires(): Date | null | undefined {
    return this._expires;
  }

  set expires(date: Date | null | undefined) {
    this._expires = date;
    this.originalMaxAge = this.maxAge;
  }

  /** What is left of the cookie's life, in milliseconds; `null` where it ends with the browser's session. */
  get maxAge(): number | null {
    const { _expires: expires } = this;
    return expires instanceof Date ? expires.getTime() - Date.now() : (expires as null);
  }

  set maxAge(age: number | null | undefined) {
    if (age && typeof age !== "number" && !((age as unknown) instanceof Date)) {
      throw new TypeError("maxAge must be a number of milliseconds");
    }
    this.expires = typeof age === "number" ? new Date(Date.now() + age) : age;
  }

  get data(): CookieData {
    return {
      originalMaxAge: this.originalMaxAge,
      partitioned: this.partitioned,
      priority: this.priority,
      expires: this._expires,
      secure: this.secure,
      httpOnly: this.httpOnly,
      domain: this.domain,
      path: this.path,
      sameSite: this.sameSite,
    };
  }

  /** As a `Set-Cookie` header has it. */
  serialize(name: string, value: string): string {
    return serialized(name, encodeURIComponent(value), this.data);
  }

  toJSON(): CookieData {
    return this.data;
  }
}
