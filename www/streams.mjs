// Bytes on their way, piece by piece: never is a file or a session whole in memory.

/** A piece goes in by no more than this at once: browsers hand over some files in one, and a bar wants to move. */
const MOST = 262_144;

/**
 * Copies a stream of a file into a session's channel. `passed(bytes)` is called for each piece that the storage has taken;
 * a failure lets the file go.
 */
export async function fill(channel, source, passed) {
  const reader = source.getReader();
  const writer = channel.getWriter();
  // Also while a slow file is waited for.
  writer.closed.catch((reason) => reader.cancel(reason)).catch(() => {});
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (let at = 0; at < value.length; at += MOST) {
        const piece = value.subarray(at, at + MOST);
        await writer.write(piece);
        passed(piece.length);
      }
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

/** Calls `take(piece)` for each piece of a session's channel, and waits for it; stops where the signal says so. */
export async function drain(channel, take, signal) {
  const reader = channel.getReader();
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = await reader.read();
    if (done) return;
    await take(value);
  }
}

/**
 * The first `most` bytes of a channel. The rest is never read: a storage closes what its reader leaves.
 */
export async function beginning(channel, most) {
  const bytes = new Uint8Array(most);
  const reader = channel.getReader();
  let length = 0;
  while (length < most) {
    const { done, value } = await reader.read();
    if (done) break;
    const part = value.subarray(0, most - length);
    bytes.set(part, length);
    length += part.length;
  }
  return bytes.subarray(0, length);
}
