// What the tests of all frameworks share: a browser as far as cookies go, over real HTTP.

/** Sends requests to a server and keeps the cookies that it sets. */
export class Client {
  #jar = new Map();

  constructor(origin) {
    this.origin = origin;
  }

  get cookie() {
    return [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** A client with the same cookies, which goes its own way. */
  clone() {
    const other = new Client(this.origin);
    other.#jar = new Map(this.#jar);
    return other;
  }

  /** Sends a request with the cookies as they are now; keeps what the response sets when it is there. */
  async send(path, { headers, ...options } = {}) {
    const sent = new Headers(headers);
    if (this.cookie !== "") sent.set("cookie", this.cookie);
    const response = await fetch(this.origin + path, { redirect: "manual", ...options, headers: sent });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  async text(path, options) {
    return (await this.send(path, options)).text();
  }

  async json(path, options) {
    return (await this.send(path, options)).json();
  }

  #keep(line) {
    const [pair] = line.split(";", 1);
    const at = pair.indexOf("=");
    const isGone = /; *Max-Age=0(?:;|$)/i.test(line) || /; *Expires=Thu, 01 Jan 1970/i.test(line);
    if (isGone) this.#jar.delete(pair.slice(0, at));
    else this.#jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

/** A server of `node:http` on a port of its own while `work` is done. */
export async function serving(server, work) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(new Client(`http://127.0.0.1:${server.address().port}`));
  } finally {
    server.closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  }
}
