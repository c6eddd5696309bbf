// Real servers for the tests of stores, each on a socket in a folder of its own.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const DEBIAN = "/usr/lib/postgresql";

/** Starts redis-server while `work` has the path of its socket. */
export async function withRedis(work) {
  await inFolder(async (folder) => {
    const socket = join(folder, "redis.sock");
    const given = [
      "--port",
      "0",
      "--unixsocket",
      socket,
      "--save",
      "",
      "--appendonly",
      "no",
      "--dir",
      folder,
    ];
    await running("redis-server", given, {}, () => work(socket));
  });
}

/** Starts PostgreSQL while `work` has the folder of its socket, and the server (see `running`); its user is `tests`. */
export async function withPostgres(work) {
  await inFolder(async (folder) => {
    chmodSync(folder, 0o777);
    const data = join(folder, "data");
    const as = notRoot();
    const init = ["-D", data, "-U", "tests", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8"];
    execFileSync(postgres("initdb"), init, { ...as, stdio: "ignore", cwd: folder });
    const given = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-F"];
    await running(postgres("postgres"), given, { ...as, cwd: folder }, (server) => work(folder, server));
  });
}

/** PostgreSQL refuses to be root. */
function notRoot() {
  if (process.getuid() !== 0) return {};
  const idOf = (flag) => Number(execFileSync("id", [flag, "nobody"]).toString());
  return { uid: idOf("-u"), gid: idOf("-g") };
}

function postgres(program) {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort() : [];
  return versions.length === 0 ? program : join(DEBIAN, versions.at(-1), "bin", program);
}

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "sessile-server-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Both say when they can be asked. */
const READY = /ready to accept connections/i;

/**
 * Runs a server while `work` is done. That is given `signal(name)`, for all processes of the server; `ended()`, which resolves
 * when it is gone; and `start()`, for when it is.
 */
async function running(program, given, options, work) {
  let server;
  let ended;
  const start = async () => {
    server = spawn(program, given, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    ended = once(server, "close").catch(() => {});
    await new Promise((resolve, reject) => {
      let log = "";
      for (const output of [server.stdout, server.stderr]) {
        output.on("data", (text) => {
          log += text;
          if (READY.test(log)) resolve();
        });
      }
      server.once("error", (cause) => {
        reject(new Error(`${program} is missing: install redis-server and postgresql`, { cause }));
      });
      server.once("close", () => reject(new Error(`${program} ended: ${log}`)));
    });
  };
  const signal = (name) => {
    // Each of PostgreSQL's makes a group of its own.
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
    const pids = children.split(" ").filter((pid) => pid.trim() !== "");
    for (const pid of [server.pid, ...pids.map(Number)]) process.kill(pid, name);
  };
  try {
    await start();
    await work({ start, signal, ended: () => ended });
  } finally {
    server.kill("SIGINT");
    await ended;
  }
}
