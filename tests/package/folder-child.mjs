// What the tests of folders do in a process of its own: `folder-child.mjs TASK ARGUMENTS`. Prints one line of JSON.
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DirectoryStorage } from "sessile";
import { leftovers, listed, recordOf, refused, tree, turnsOf } from "./folders.mjs";

const NOBODY = 65_534;

const text = async (storage, id) => {
  const found = await storage.get(id);
  return found === undefined ? null : new TextDecoder().decode(found.data);
};

/** The code that a call rejects with, or "fine". No error may give away what it is about. */
const outcome = async (call, id, content) => {
  try {
    await call;
    return "fine";
  } catch (error) {
    await refused(Promise.reject(error), error.code, { id, content });
    return error.code;
  }
};

const TASKS = {
  /** Reads all of a folder that it may not write. */
  async readOnly(root) {
    becomeNobody();
    const storage = new DirectoryStorage(root, { clock: () => 1_000_001 });
    return {
      small: await text(storage, "small"),
      large: await storage.read(
        "large",
        async (channel) => (await new Response(channel).arrayBuffer()).byteLength,
      ),
      over: await text(storage, "over"),
      ended: await text(storage, "ended"),
      missing: await text(storage, "missing"),
      damaged: await outcome(storage.get("damaged"), "damaged"),
      damagedAgain: await outcome(storage.get("damaged"), "damaged"),
      listed: (await listed(storage.listTagged("tag"))).length,
      sessions: (await storage.stats()).sessions,
      write: await outcome(storage.set("small", "secret-content"), "small", "secret-content"),
      invalidate: await outcome(storage.invalidate("small"), "small"),
      touch: await outcome(storage.touch("small"), "small"),
      readAfterwards: await text(storage, "small"),
    };
  },

  /** Adds one to a number, by conditional writes, so often. */
  async count(root, id, times, io) {
    const storage = new DirectoryStorage(root, { io });
    let conflicts = 0;
    for (let done = 0; done < Number(times);) {
      const found = await storage.get(id);
      const next = Number(new TextDecoder().decode(found.data)) + 1;
      try {
        await storage.set(id, String(next), { ifRevision: found.info.revision });
        done += 1;
      } catch (error) {
        if (error.code !== "ERR_SESSION_CONFLICT") throw error;
        conflicts += 1;
      }
    }
    return { conflicts };
  },

  /** Streams a session in and out; the peaks of the process above its idle state, once everything is loaded. */
  async memory(root, mebibytes) {
    const storage = new DirectoryStorage(root);
    const chunk = new Uint8Array(65_536);
    const write = (id, size) =>
      storage.write(id, async (channel) => {
        const writer = channel.getWriter();
        for (let at = 0; at < size; at += chunk.length)
          await writer.write(chunk.fill(1 + ((at / chunk.length) % 251)));
      });
    const read = (id, size) =>
      storage.read(id, async (channel) => {
        const reader = channel.getReader({ mode: "byob" });
        let buffer = new ArrayBuffer(chunk.length);
        let at = 0;
        for (;;) {
          const { done, value } = await reader.read(new Uint8Array(buffer));
          if (done) break;
          const mark = 1 + (Math.floor(at / chunk.length) % 251);
          if (value[0] !== mark) throw new Error(`it is not what was written, at ${at}`);
          at += value.length;
          buffer = value.buffer;
        }
        if (at !== size) throw new Error(`read ${at} bytes of ${size}`);
      });
    const size = Number(mebibytes) * 1_048_576;
    await write("warm", size / 32);
    await read("warm", size / 32);
    const [writing, reading] = [
      await peakOf(() => write("large", size)),
      await peakOf(() => read("large", size)),
    ];
    return { writing, reading };
  },

  /** Fills its disk, which is a small one. */
  async full(folder, io, durability) {
    const root = `${folder}/sessions`;
    const storage = new DirectoryStorage(root, { io, durability });
    const [old, fresh, secret] = ["the-old-session", "the-fresh-session", "secret content ".repeat(2_000)];
    const revision = await storage.set(old, "old content ".repeat(1_000));
    const isOld = async () => (await text(storage, old)) === "old content ".repeat(1_000);
    const filled = fill(`${folder}/filler`);
    fs.truncateSync(`${folder}/filler`, filled - 8_192);
    const answers = {
      small: await outcome(storage.set(old, secret), old, secret),
      large: await outcome(storage.set(old, secret.repeat(10)), old, secret),
      fresh: await outcome(storage.set(fresh, secret), fresh, secret),
      tagged: await outcome(storage.set(fresh, secret, { tags: ["tag"] }), fresh, secret),
      json: await outcome(storage.setJson(old, { secret }), old, secret),
      oldContent: await isOld(),
      oldRevision: (await storage.info(old)).revision === revision,
      missing: await text(storage, fresh),
      listed: (await listed(storage.listTagged("tag"))).length,
      staged: fs.existsSync(`${root}/staged`) ? fs.readdirSync(`${root}/staged`) : [],
      left: [...leftovers(root), ...tree(root).filter((path) => /^tags\/.*[^/]$/.test(path))],
    };
    fs.unlinkSync(`${folder}/filler`);
    answers.then = await outcome(storage.set(old, secret), old, secret);
    answers.thenLarge = await outcome(storage.set(old, secret.repeat(3)), old, secret);
    answers.thenFresh = await outcome(storage.set(fresh, secret, { tags: ["tag"] }), fresh, secret);
    answers.thenContent = (await text(storage, old)) === secret.repeat(3);
    answers.left.push(...leftovers(root));
    return answers;
  },

  /** Writes first sessions on a disk with room for few files, from none to enough. */
  async noMoreFiles(folder, io) {
    const answers = { rounds: 0, failed: [], left: [] };
    for (const content of ["small content", "large content".repeat(10_000)]) {
      for (let room = 0; room < 12; room += 1, answers.rounds += 1) {
        const root = `${folder}/sessions-${answers.rounds}`;
        const fillers = fillWithFiles(`${folder}/fillers`);
        for (const filler of fillers.splice(0, room)) fs.unlinkSync(filler);
        const storage = new DirectoryStorage(root, { io });
        const code = await outcome(
          storage.set("the-session", content, { tags: ["tag"] }),
          "the-session",
          content,
        );
        if (code !== "fine") answers.failed.push(code);
        for (const filler of fillers) fs.unlinkSync(filler);
        if (fs.existsSync(root)) answers.left.push(...leftovers(root));
        await storage.set("the-session", content, { tags: ["tag"] });
        if ((await text(storage, "the-session")) !== content) answers.left.push("another content");
        fs.rmSync(root, { recursive: true });
      }
    }
    return answers;
  },

  /** Meets files and folders that it may not touch. The folder is nobody's own. */
  async denied(root) {
    becomeNobody();
    let now = Date.now();
    // Within the same millisecond a touch would have nothing to write.
    const storage = new DirectoryStorage(root, { clock: () => (now += 1) });
    const [one, two] = ["the-first-session", "the-second-session"];
    const secret = "the-secret-content";
    await storage.set(one, secret);
    await storage.set(two, "content");
    const record = await recordOf(root, one);
    const part = record.slice(0, record.lastIndexOf("/"));
    const answers = {};
    const denied = { record, part, turn: await turnsOf(root, one), root };
    for (const [what, path] of Object.entries(denied)) {
      const mode = fs.statSync(path).mode & 0o777;
      fs.chmodSync(path, 0);
      answers[what] = {
        get: await outcome(storage.get(one), one, secret),
        read: await outcome(
          storage.read(one, (channel) => new Response(channel).text()),
          one,
          secret,
        ),
        info: await outcome(storage.info(one), one),
        touch: await outcome(storage.touch(one), one),
        set: await outcome(storage.set(one, secret), one, secret),
        large: await outcome(storage.set(one, secret.repeat(10_000)), one, secret),
        invalidate: await outcome(storage.invalidate(one), one),
        other: await outcome(storage.set(two, "content"), two),
      };
      fs.chmodSync(path, mode);
      answers[what].afterwards = (await text(storage, one)).slice(0, secret.length);
      await storage.set(one, secret);
    }
    fs.chmodSync(root, 0o500);
    answers.missingPart = await outcome(writeElsewhere(storage, root, secret), "elsewhere", secret);
    fs.chmodSync(root, 0o700);
    const above = new DirectoryStorage(join(root, "..", "..", "not-ours"));
    answers.above = await outcome(above.set(one, secret), one, secret);
    answers.missingAbove = await text(above, one);
    answers.left = leftovers(root);
    return answers;
  },
};

/** Writes sessions until one falls into a part that is not there yet. */
async function writeElsewhere(storage, root, content) {
  for (let number = 0; ; number += 1) {
    const path = await recordOf(root, `elsewhere-${number}`);
    if (!fs.existsSync(path.slice(0, path.lastIndexOf("/"))))
      return storage.set(`elsewhere-${number}`, content);
  }
}

/** By how much the process grew at most, while this was done. */
async function peakOf(work) {
  for (let round = 0; round < 3; round += 1) {
    if (globalThis.Bun === undefined) globalThis.gc?.();
    else globalThis.Bun.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  fs.writeFileSync("/proc/self/clear_refs", "5");
  const start = memory("VmRSS");
  await work();
  return memory("VmHWM") - start;
}

function memory(name) {
  const status = fs.readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)[1]) * 1_024;
}

/** Writes a file until nothing fits any more, and answers how long it is. */
function fill(path) {
  const fd = fs.openSync(path, "w");
  try {
    for (;;) fs.writeSync(fd, new Uint8Array(1_024));
  } catch (error) {
    if (error.code !== "ENOSPC") throw error;
  } finally {
    fs.closeSync(fd);
  }
  return fs.statSync(path).size;
}

function fillWithFiles(path) {
  const made = [];
  try {
    for (;;) {
      const next = `${path}-${made.length}`;
      fs.closeSync(fs.openSync(next, "w"));
      made.push(next);
    }
  } catch (error) {
    if (error.code !== "ENOSPC") throw error;
  }
  return made;
}

/** Who may do everything meets no refusal. */
function becomeNobody() {
  if (process.getuid() !== 0) return;
  process.setgroups?.([]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}

const [task, ...args] = process.argv.slice(2);
console.log(JSON.stringify(await TASKS[task](...args)));
