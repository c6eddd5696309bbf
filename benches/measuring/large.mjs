// A session too large to be held, through its channels; for Node and for pages. Each chunk tells where it
// belongs, so that a wrong byte is found without the content beside it.
export const CHUNK = 64 * 1024;

/** From one chunk, filled anew each time: what a source holds is not the storage's. */
export async function write(storage, id, size) {
  const chunk = new Uint8Array(CHUNK);
  await storage.write(id, async (channel) => {
    const writer = channel.getWriter();
    for (let at = 0; at < size; at += CHUNK) {
      chunk.fill(mark(at));
      await writer.write(chunk);
    }
  });
}

/** With a buffer of the consumer's own, which is how a large session is read in constant memory. */
export async function readInto(storage, id, size) {
  await storage.read(id, async (channel) => {
    const reader = channel.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(CHUNK);
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      check(value, at);
      at += value.length;
      buffer = value.buffer;
    }
    complete(at, size);
  });
}

/** In chunks of the storage's making, each of which is garbage when it is read. */
export async function readChunks(storage, id, size) {
  await storage.read(id, async (channel) => {
    const reader = channel.getReader();
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      check(value, at);
      at += value.length;
    }
    complete(at, size);
  });
}

function check(chunk, at) {
  for (let index = (CHUNK - (at % CHUNK)) % CHUNK; index < chunk.length; index += CHUNK) {
    const first = at + index;
    if (chunk[index] !== mark(first)) throw new Error(`the session is not what was written, at ${first}`);
  }
}

function complete(at, size) {
  if (at !== size) throw new Error(`read ${at} bytes of ${size}`);
}

const mark = (at) => 1 + ((at / CHUNK) % 251);
