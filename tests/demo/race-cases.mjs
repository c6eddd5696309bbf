// The demo's races, over real HTTP.
import assert from "node:assert/strict";
import { send } from "./client.mjs";

const steps = ["begin", "login", "add", "overwrite", "slow", "logout"];

/** A browser with all its cookies. */
class Racer {
  cookies = new Map();
  #port;
  #scheme;

  constructor(port, scheme = "http") {
    this.#port = port;
    this.#scheme = scheme;
  }

  async send(step, { method = "POST", headers } = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const own = headers ?? { origin: `${this.#scheme}://localhost:${this.#port}` };
    const response = await send(this.#port, `/race/${step}`, {
      method,
      headers: { ...(cookie && { cookie }), ...own },
    });
    for (const line of response.headers["set-cookie"] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  async ask(step) {
    const { status, body, headers } = await this.send(step, { method: step === "result" ? "GET" : "POST" });
    assert.equal(status, 200, `${step}: ${body}`);
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["cache-control"], "no-store");
    return JSON.parse(body);
  }

  many(step, times) {
    return Array.from({ length: times }, () => this.ask(step));
  }

  /** The logout is sent first: what comes of the slow requests is not to hang on which arrives before. */
  async logoutAmid(slow) {
    const [, ...answers] = await Promise.all([this.ask("logout"), ...this.many("slow", slow)]);
    return answers.map(({ outcome }) => outcome);
  }
}

/** @param {(name: string, run: () => Promise<void>) => void} it */
export function raceCases(it, port) {
  it("races: counts 50 of 50 parallel additions, and shows each its own number", async () => {
    const racer = new Racer(port);
    const { additions } = await racer.ask("begin");
    assert.equal(additions, 50);
    const answers = await Promise.all(racer.many("add", additions));
    assert.deepEqual(
      answers.map(({ counted }) => counted).sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    const { counted, alive } = await racer.ask("result");
    assert.deepEqual({ counted, alive }, { counted: 50, alive: 1 });
  });

  it("races: loses additions where the last write wins", async () => {
    const racer = new Racer(port);
    const { additions } = await racer.ask("begin");
    await Promise.all(racer.many("overwrite", additions));
    const { counted } = await racer.ask("result");
    // Five that have read the same number add one between them, whatever else happens.
    assert.ok(counted >= 1 && counted < 25, `${counted}`);
  });

  it("races: tells 20 slow requests that the session has ended, and leaves nobody logged in", async () => {
    const racer = new Racer(port);
    const { slow, slowAtOnce } = await racer.ask("begin");
    assert.deepEqual({ slow, slowAtOnce }, { slow: 20, slowAtOnce: 5 });
    for (let sent = 0; sent < slow; sent += slowAtOnce) {
      await racer.ask("login");
      const stolen = racer.cookies.get("race");
      for (const outcome of await racer.logoutAmid(slowAtOnce)) assert.equal(outcome, "ended");
      assert.equal(racer.cookies.get("race"), undefined);
      racer.cookies.set("race", stolen);
      assert.equal((await racer.send("add")).status, 409);
    }
    const { ended, late, written, alive } = await racer.ask("result");
    assert.deepEqual({ ended, late, written, alive }, { ended: 20, late: 0, written: 0, alive: 0 });
  });

  it("races: logs out for good also where fewer, more or later requests come than it waits for", async () => {
    const racer = new Racer(port);
    await racer.ask("begin");
    assert.deepEqual(await racer.logoutAmid(2), ["ended", "ended"]);
    assert.deepEqual(await racer.ask("slow"), { outcome: "late" });
    await racer.ask("login");
    for (const outcome of await racer.logoutAmid(20)) assert.match(outcome, /^(ended|late)$/);
    const { ended, late, written, alive } = await racer.ask("result");
    assert.deepEqual({ all: ended + late, written, alive }, { all: 23, written: 0, alive: 0 });
  });

  it("races: does not let a slow request wait for ever for a logout that does not come", async () => {
    const racer = new Racer(port);
    await racer.ask("begin");
    assert.deepEqual(await racer.ask("slow"), { outcome: "written" });
    const { counted, written, alive } = await racer.ask("result");
    assert.deepEqual({ counted, written, alive }, { counted: 1, written: 1, alive: 1 });
  });

  it("races: refuses other sites, and other methods", async () => {
    const racer = new Racer(port);
    const own = `http://localhost:${port}`;
    await racer.ask("begin");
    await racer.ask("add");
    const foreign = [
      {},
      { origin: "https://elsewhere.example" },
      { origin: "null" },
      { origin: `${own}.elsewhere.example` },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "cross-site", origin: own },
    ];
    for (const step of steps) {
      for (const headers of foreign) {
        const response = await racer.send(step, { headers });
        assert.equal(response.status, 403, `${step} ${JSON.stringify(headers)}`);
        assert.equal(response.headers["set-cookie"], undefined);
      }
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
        const response = await racer.send(step, { method });
        assert.deepEqual([response.status, response.headers.allow], [405, "POST"], `${method} ${step}`);
      }
    }
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await racer.send("result", { method });
      assert.deepEqual([response.status, response.headers.allow], [405, "GET, HEAD"], method);
    }
    for (const path of ["", "nothing", "begin/", "result/", "constructor", "__proto__"]) {
      assert.equal((await racer.send(path)).status, 404, path);
    }
    const { counted, alive } = await racer.ask("result");
    assert.deepEqual({ counted, alive }, { counted: 1, alive: 1 });
  });

  it("races: begins nothing for whoever has not begun, and leaves no trace of a look", async () => {
    const racer = new Racer(port);
    for (const step of ["login", "add", "overwrite", "slow"]) {
      assert.equal((await racer.send(step)).status, 409, step);
    }
    assert.equal((await racer.send("result", { method: "GET" })).status, 409);
    const look = await racer.send("result", { method: "HEAD" });
    assert.deepEqual([look.status, look.headers["content-type"], look.body], [200, "application/json", ""]);
    assert.equal((await racer.send("logout")).status, 200);
    assert.equal(racer.cookies.size, 0);
  });

  it("races: keeps to its own cookies, and to the session that was logged in last", async () => {
    const [one, other] = [new Racer(port), new Racer(port)];
    const first = await one.send("begin");
    for (const line of first.headers["set-cookie"]) {
      assert.match(line, /^race(-score)?=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    }
    await other.ask("begin");
    await one.ask("add");
    assert.equal((await other.ask("result")).counted, 0);
    const before = one.cookies.get("race");
    await one.ask("login");
    assert.notEqual(one.cookies.get("race"), before);
    const { counted, alive } = await one.ask("result");
    assert.deepEqual({ counted, alive }, { counted: 0, alive: 1 });
  });
}

/** As {@link raceCases}, where browsers are on https. */
export async function checkSecureRace(port) {
  const racer = new Racer(port, "https");
  const { headers } = await racer.send("begin");
  for (const line of headers["set-cookie"]) assert.match(line, /^__Host-race(-score)?=.*; Path=\/; Secure;/);
  assert.deepEqual(await racer.ask("add"), { counted: 1 });
  assert.equal((await new Racer(port).send("begin")).status, 403);
}
