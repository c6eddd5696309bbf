import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A redis-server of its own while `work` has the path of its socket. */
export async function withRedis(work) {
  const folder = mkdtempSync(join(tmpdir(), "sessile-bench-"));
  const socket = join(folder, "redis.sock");
  const given = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder];
  const server = spawn("redis-server", given, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  try {
    await ready(server);
    return await work(socket);
  } finally {
    server.kill();
    await ended.catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  }
}

function ready(server) {
  return new Promise((resolve, reject) => {
    let said = "";
    server.stdout.on("data", (text) => {
      said += text;
      if (/ready to accept connections/i.test(said)) resolve();
    });
    server.once("error", (cause) =>
      reject(new Error("redis-server is missing: apt-get install redis-server", { cause })),
    );
    server.once("exit", () => reject(new Error(`redis-server ended: ${said}`)));
  });
}
