// A PostgreSQL of its own, in a folder for temporary files, that nobody else reaches: it listens on a socket there.
import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Debian keeps the programs of each version apart. */
const DEBIAN = "/usr/lib/postgresql";
const NOBODY = 65_534;

function programs() {
  if (process.env.POSTGRES_BIN !== undefined) return process.env.POSTGRES_BIN;
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? "" : join(DEBIAN, newest, "bin");
}

/** Answers `{ host, restart(), stop() }`, of which `host` is the folder with the socket. */
export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), "sessile-postgres-"));
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (user.uid !== undefined) chownSync(folder, NOBODY, NOBODY);
  const data = join(folder, "data");
  const made = spawnSync(
    join(programs(), "initdb"),
    ["--pgdata", data, "--username", "sessile", "--auth", "trust", "--encoding", "UTF8", "--no-sync"],
    { ...user, cwd: folder, encoding: "utf8", env: { LC_ALL: "C", PATH: process.env.PATH } },
  );
  if (made.status !== 0) throw made.error ?? new Error(made.stderr);
  let server;
  const start = async () => {
    const settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"];
    server = spawn(join(programs(), "postgres"), ["-D", data, "-k", folder, ...settings], {
      ...user,
      cwd: folder,
      env: { LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    await new Promise((ready, failed) => {
      server.stderr.on("data", (text) => {
        said += text;
        if (said.includes("ready to accept connections")) ready();
      });
      server.once("exit", () => failed(new Error(said)));
    });
  };
  const stop = async (signal) => {
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.kill(signal);
    await gone;
  };
  await start();
  return {
    host: folder,
    async restart() {
      await stop("SIGINT");
      await start();
    },
    async stop() {
      await stop("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
