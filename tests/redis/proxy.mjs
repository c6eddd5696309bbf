// A way to a server that can be slow, stall, be cut, and be cut after the server has done what was asked.
import { createConnection, createServer } from "node:net";
import { freePort } from "./servers.mjs";

export async function startProxy(server) {
  const proxy = new Proxy(server.port, await freePort());
  await proxy.listen();
  return proxy;
}

class Proxy {
  #target;
  #server;
  #pairs = new Set();
  #stalled = false;
  #swallow;
  #refusing = false;
  #slow;
  /** How many bytes went to the server, and how often it was asked and answered before it was asked again. */
  sent = 0;
  roundTrips = 0;
  #asked = false;

  constructor(target, port) {
    this.#target = target;
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async listen() {
    this.#server = createServer((near) => this.#join(near));
    await new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
  }

  #join(near) {
    if (this.#refusing) {
      near.destroy();
      return;
    }
    const far = createConnection(this.#target, "127.0.0.1");
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
    near.on("data", (data) => {
      this.sent += data.length;
      this.#asked = true;
      far.write(data);
    });
    far.on("data", (data) => {
      if (this.#asked) this.roundTrips += 1;
      this.#asked = false;
      if (this.#swallow !== undefined) {
        const told = this.#swallow;
        this.#swallow = undefined;
        end();
        told();
      } else if (this.#slow === undefined) near.write(data);
      else this.#trickle(near, data);
    });
    if (this.#stalled) near.pause();
  }

  /** What the server says comes so many milliseconds late, each time in pieces of so many bytes. */
  slow(millis, bytes) {
    this.#slow = { millis, bytes, last: Promise.resolve() };
  }

  #trickle(near, data) {
    const { millis, bytes } = this.#slow;
    const slow = this.#slow;
    const pause = () => new Promise((resolve) => setTimeout(resolve, millis));
    slow.last = slow.last.then(pause).then(async () => {
      for (let at = 0; at < data.length && !near.destroyed; at += bytes) {
        near.write(data.subarray(at, at + bytes));
        // Each piece by itself.
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }

  /** Nothing goes to the server any more; connections stay. */
  stall() {
    this.#stalled = true;
    for (const { near } of this.#pairs) near.pause();
  }

  goOn() {
    this.#stalled = false;
    for (const { near } of this.#pairs) near.resume();
  }

  /** Connections that are made from now on break at once; those that are there stay. */
  refuseNew() {
    this.#refusing = true;
  }

  acceptNew() {
    this.#refusing = false;
  }

  /** Every connection breaks; new ones can be made. */
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** The next answer is lost with its connection. Resolves when that has happened: the server had done it. */
  cutAfterNext() {
    return new Promise((resolve) => (this.#swallow = resolve));
  }

  end() {
    this.cut();
    return new Promise((resolve) => this.#server.close(resolve));
  }
}
