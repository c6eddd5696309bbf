// An HTTP client that sends what it is told, byte for byte, and starts the server it talks to.
import { spawn } from "node:child_process";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";

const patience = 60_000;

/** Starts the demo on a free port; resolves once it says where it is. */
export async function start(command, folder, environment = {}) {
  const child = spawn(command[0], command.slice(1), {
    cwd: folder,
    env: { ...process.env, PORT: "0", HOST: "127.0.0.1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const exited = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  const port = new Promise((resolve) => {
    const listen = (bytes) => {
      output += bytes;
      const found = /http:\/\/localhost:(\d+)/.exec(output);
      if (found) resolve(Number(found[1]));
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
  });
  const ended = exited.then(({ code, signal }) => ({ code, signal, output }));
  const first = await withPatience(
    Promise.race([port, ended]),
    () => `The server stays silent:\n${output}`,
    child,
  );
  const stop = (signal) => {
    child.kill(signal);
    return withPatience(ended, () => `The server does not end on ${signal}:\n${output}`, child);
  };
  if (typeof first === "number") return { port: first, stop, output: () => output };
  return { ended: first };
}

async function withPatience(promise, complaint, child) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(complaint()));
    }, patience);
  });
  return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
}

/** One request on a connection of its own. `headers` may hold lists, which go out as several headers. */
export function send(port, path, { method = "GET", headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path,
        method,
        headers: { host: `localhost:${port}`, ...headers },
        agent: false,
      },
      (incoming) => {
        let body = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (text) => (body += text));
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
      },
    );
    outgoing.setTimeout(30_000, () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Sends text as Latin-1 bytes; resolves with the status, or undefined where the server hung up. */
export function sendRaw(port, text) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    const settle = () => {
      socket.destroy();
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
      resolve(status && Number(status));
    };
    socket.setTimeout(10_000, () => {
      socket.destroy();
      reject(new Error(`neither an answer nor an end to ${JSON.stringify(text.slice(0, 60))}`));
    });
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      answer += data;
      if (answer.includes("\r\n\r\n")) settle();
    });
    socket.on("error", settle);
    socket.on("close", settle);
    socket.write(text, "latin1");
  });
}

/** Sends requests in one packet, the last of them closing; resolves with all that came back. */
export function sendPipelined(port, requests) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answers = "";
    socket.setEncoding("latin1");
    socket.setTimeout(30_000, () =>
      socket.destroy(new Error("the server does not answer a packet of requests")),
    );
    socket.on("data", (data) => (answers += data));
    socket.on("error", reject);
    socket.on("close", () => resolve(answers));
    const host = `Host: localhost:${port}\r\nContent-Length: 0`;
    const packet = requests.map((request, index) => {
      const connection = index === requests.length - 1 ? "close" : "keep-alive";
      return `${request}\r\n${host}\r\nConnection: ${connection}\r\n\r\n`;
    });
    socket.write(packet.join(""));
  });
}

/** A browser as far as its one cookie goes. */
export class Visitor {
  cookie;
  #port;

  constructor(port, cookie) {
    this.#port = port;
    this.cookie = cookie;
  }

  get id() {
    return this.cookie?.split("=")[1];
  }

  async send(path, { headers = {}, ...rest } = {}) {
    const cookies = this.cookie ? { cookie: this.cookie } : {};
    const response = await send(this.#port, path, { ...rest, headers: { ...cookies, ...headers } });
    for (const line of response.headers["set-cookie"] ?? []) {
      this.cookie = /max-age=0/i.test(line) ? undefined : line.split(";")[0];
    }
    return response;
  }

  /** How many visits the page shows. */
  async visit(path = "/", options = undefined) {
    return visitsOn(await this.send(path, options));
  }

  async look() {
    return JSON.parse((await this.send("/api/session")).body);
  }

  logout(headers = { origin: `http://localhost:${this.#port}` }) {
    return this.send("/logout", { method: "POST", headers });
  }
}

export function visitsOn({ status, body }) {
  const found = /data-visits="(\d+)"/.exec(body);
  if (status !== 200 || !found) throw new Error(`no page, but ${status}: ${body.slice(0, 200)}`);
  return Number(found[1]);
}
