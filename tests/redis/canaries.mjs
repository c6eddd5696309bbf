// Plain keys beside sessions, from which can be told what Redis itself has kept when a replica took over.
//
// Replication is asynchronous: a replica has the first part of what its master did, and what the master acknowledged in its last
// moments may be gone. So a test that asks for every acknowledged write asks for more than Redis gives, and one that forgives
// whatever was written shortly before the kill sees no fault of ours there. A canary says exactly which writes are which:
//
// It is SET once a write was acknowledged, in the write's own slot, on the very server that has acknowledged it. Both are then in
// the stream of that one server, the canary behind the write. Whoever has the canary has the whole stream up to it, and with it the
// write. If the canary is gone, nothing is asked of the write.
//
// That holds only for the very server. A client would send the canary to the next master when the old one is gone, where it says
// nothing. So it goes over a socket to the port that was the slot's master, as the client saw it, *before* the write was sent. If
// the write was in truth done by another one, because that one had taken over, then the port's server is dead, or a replica that
// refuses. The canary of a newer write replaces that of an older one, and stands for both.
import { createHash } from "node:crypto";
import { createConnection } from "node:net";
import slotOf from "cluster-key-slot";
import { encoded } from "./servers.mjs";

const nameOf = (text) => createHash("sha256").update(text).digest("base64url");

/** Where a session's record lies, or with `tag:` before it a tag's index. */
export const slotOfName = (name) => slotOf(nameOf(name.replace(/^tag:/, "")));

/** The key of a canary: `who` is what tells those of one slot apart. */
export const canaryKey = (who, name) => `canary:${who}:{${nameOf(name.replace(/^tag:/, ""))}}`;

const sockets = new Map();

/** Sets a canary on the server of this port or nowhere. Nobody waits for it. */
export function setCanary(port, who, name, value) {
  if (port === undefined) return;
  let socket = sockets.get(port);
  if (socket === undefined) {
    socket = createConnection(port, "127.0.0.1");
    const forget = () => {
      if (sockets.get(port) === socket) sockets.delete(port);
    };
    sockets.set(port, socket.setNoDelay(true).on("error", forget).on("close", forget));
    socket.resume();
    socket.unref();
  }
  socket.write(encoded(["SET", canaryKey(who, name), String(value)]));
}
