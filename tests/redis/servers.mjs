// Redis servers of the tests' own: on free ports, with a folder each, gone when the tests end.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const PROGRAM = process.env.REDIS_SERVER ?? "redis-server";
const running = new Set();

process.on("exit", () => {
  for (const server of running) server.remove();
});

/** A server that is ready. `settings` are those of redis.conf; without any it keeps nothing on the disk. */
export async function startServer(settings = {}, { port, folder } = {}) {
  const server = new Server(port ?? (await freePort()), folder, settings);
  await server.start();
  return server;
}

/** A master, a replica of it, and a sentinel that replaces the one by the other half a second after it is gone. */
export async function startWatched() {
  const master = await startServer();
  const replica = await startServer({ replicaof: `127.0.0.1 ${master.port}` });
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "redis-tests-"));
  const file = join(folder, "sentinel.conf");
  const lines = [
    `sentinel monitor watched 127.0.0.1 ${master.port} 1`,
    "sentinel down-after-milliseconds watched 500",
    "sentinel failover-timeout watched 3000",
  ];
  writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\n${lines.join("\n")}\n`);
  const sentinel = new Server(port, folder, undefined);
  await sentinel.start([file, "--sentinel"]);
  const knows = async () =>
    (await sentinel.command("SENTINEL", "REPLICAS", "watched")).includes(String(replica.port));
  await until(knows, "the sentinel does not know the replica");
  await replica.follows();
  return { master, replica, sentinel };
}

/** Servers that share the slots of a cluster evenly; with `replicas`, each has one that takes its place when it is gone. */
export async function startCluster(size, { replicas = false } = {}) {
  const servers = await Promise.all(
    Array.from({ length: replicas ? 2 * size : size }, () => startServer(CLUSTERED)),
  );
  const ports = servers.map(({ port }) => port);
  const masters = ports.slice(0, size);
  await Promise.all(
    masters.map(async (port, at) => {
      const [first, last] = [Math.ceil((at * 16_384) / size), Math.ceil(((at + 1) * 16_384) / size) - 1];
      await ask(port, "CLUSTER", "ADDSLOTSRANGE", String(first), String(last));
      await ask(port, "CLUSTER", "SET-CONFIG-EPOCH", String(at + 1));
    }),
  );
  for (const port of ports.slice(1)) await ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", String(port));
  const isReady = async (port) => isComplete(await ask(port, "CLUSTER", "INFO"), ports.length);
  for (const port of ports) await until(() => isReady(port), "the cluster is not ready");
  await Promise.all(
    servers.slice(size).map(async (replica, at) => {
      const id = bulk(await ask(masters[at], "CLUSTER", "MYID"));
      const takes = async () => (await replica.command("CLUSTER", "REPLICATE", id)).startsWith("+OK");
      await until(takes, "a replica does not know its master");
      await replica.follows();
    }),
  );
  return { servers, ports, urls: servers.map(({ url }) => url) };
}

const CLUSTERED = {
  "cluster-enabled": "yes",
  "cluster-node-timeout": "2000",
  // A replica may take over however long ago it has heard of its master, and is copied to at once.
  "cluster-replica-validity-factor": "0",
  "repl-diskless-sync-delay": "0",
};

/** The text of an answer that is one. */
export const bulk = (answer) => answer.slice(answer.indexOf("\r\n") + 2, -2);

const isComplete = (info, size) =>
  info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${size}`);

/** Asks again and again, for at most so many seconds. */
export async function until(condition, complaint, seconds = 10) {
  const end = performance.now() + seconds * 1_000;
  for (let isLast = false; !isLast;) {
    // Looked at once more afterwards: the machine may have slept.
    isLast = performance.now() >= end;
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(complaint);
}

class Server {
  #child;
  #settings;

  constructor(port, folder, settings) {
    this.port = port;
    this.folder = folder ?? mkdtempSync(join(tmpdir(), "redis-tests-"));
    this.#settings = settings;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async start(words = this.#words()) {
    this.#child = spawn(PROGRAM, words, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    this.#child.stdout.on("data", (text) => (said = (said + text).slice(-4_000)));
    this.#child.on("error", (error) => (said += error));
    running.add(this);
    await until(async () => {
      if (this.#child.exitCode !== null || this.#child.pid === undefined)
        throw new Error(`${PROGRAM} ended: ${said}`);
      return (await ask(this.port, "PING").catch(() => "")).includes("PONG");
    }, `${PROGRAM} does not answer`);
  }

  #words() {
    const settings = {
      port: this.port,
      bind: "127.0.0.1",
      dir: this.folder,
      save: "",
      appendonly: "no",
      ...this.#settings,
    };
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  }

  /** By a signal, SIGKILL unless told otherwise; its folder stays. */
  async stop(signal = "SIGKILL") {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  /** Stands still until it is sent SIGCONT: half dead. */
  signal(signal) {
    this.#child.kill(signal);
  }

  command(...words) {
    return ask(this.port, ...words);
  }

  /** Resolves when it is a replica that has all that its master had. */
  follows() {
    const isUp = async () => (await this.command("INFO", "replication")).includes("master_link_status:up");
    return until(isUp, "the replica does not follow");
  }

  async end() {
    await this.stop();
    this.remove();
  }

  remove() {
    running.delete(this);
    this.#child?.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A command as it goes to a server. */
export function encoded(words) {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join("")}`;
}

/** One command without a client, and the answer as it comes. */
export function ask(port, ...words) {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.setTimeout(5_000, () => socket.destroy(new Error("no answer")));
    socket.once("connect", () => socket.write(encoded(words)));
    socket.once("data", (data) => {
      resolve(data.toString("latin1"));
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
}

const given = new Set();

/** A port that nobody listens on, nor on a cluster's second one; below those that systems give to clients. */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 12_000);
    if (given.has(port)) continue;
    given.add(port);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
