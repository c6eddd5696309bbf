import { codeOf, type NodeFs } from "./node-fs.js";
import { Runner, call, type Job } from "./steps.js";
import { Ways } from "./ways.js";

/**
 * How files are read and written: `"sync"` makes the thread wait for the disk, `"async"` never does, and
 * `"auto"` waits where that is the faster by far: for small files on a disk that answers at once.
 */
export type FolderIo = "auto" | "async" | "sync";

/** A call that took longer than this, in milliseconds, was no call for the thread to wait for. */
const SLOW = 4;
/** For so long after it, in milliseconds, none is made that way. */
const CAUTION = 1_000;
/** Room for the largest record that is read at once: a header and 64 KiB. */
const SCRATCH = 64 * 1024 + 1024;

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** An answer, or a promise where it has to be waited for. */
type Answer<T> = T | Promise<T>;

/** The beginning of a file that stays open. */
interface Opened {
  readonly start: Uint8Array;
  readonly length: number;
  readonly file: OpenFile;
}

/** `node:fs` as the core calls it: see `src/directory/host.rs`. */
export class FolderFiles {
  readonly #fs: NodeFs;
  readonly #runner: Runner;
  readonly #io: FolderIo;
  readonly #flags: { readonly read: number; readonly update: number; readonly create: number };
  readonly #scratch = new Uint8Array(SCRATCH);
  readonly #ways = new Ways();
  #cautiousUntil = -Infinity;
  #writesAtOnce = 0;

  constructor(fs: NodeFs, io: FolderIo) {
    this.#fs = fs;
    this.#runner = new Runner(fs);
    this.#io = io;
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
    // Never through a link, and never waiting for the other end of a pipe.
    const safely = O_NOFOLLOW | O_NONBLOCK;
    this.#flags = {
      read: O_RDONLY | safely,
      update: O_RDWR | safely,
      create: O_RDWR | O_CREAT | O_EXCL | safely,
    };
  }

  open(path: string, most: number, update: boolean): Answer<Uint8Array | Opened | undefined> {
    const isNow = this.#mayWait();
    return this.#run(isNow, this.#open(path, most, update, isNow ? this.#scratch : undefined));
  }

  create(path: string, bytes: Uint8Array, sync: boolean): Answer<void> {
    const isNow = this.#mayWait() && (!sync || this.#io === "sync");
    this.#countWrite();
    return this.#run(isNow, this.#create(path, isNow ? bytes : bytes.slice(), sync));
  }

  enter(folder: string, path: string, sync: boolean): Answer<void> {
    const isNow = this.#mayWait() && (!sync || this.#io === "sync");
    return this.#run(isNow, this.#enter(folder, path, sync));
  }

  stage(folder: string, path: string): Answer<OpenFile> {
    return this.#run(this.#mayWait(), this.#stage(folder, path));
  }

  /**
   * To take another file's place is the longest part of a write: the disk may have to be told of the new one's bytes first.
   * Of several writes at once, all but the first leave that to a thread.
   */
  rename(from: string, to: string): Answer<void> {
    const isNow = this.#mayWait() && (this.#io === "sync" || this.#writesAtOnce <= 1);
    return this.#run(isNow, call("rename", from, to));
  }

  link(from: string, to: string): Answer<void> {
    return this.#run(this.#mayWait(), call("link", from, to));
  }

  copy(from: string, to: string): Answer<void> {
    return this.#run(this.#io === "sync", this.#copy(from, to));
  }

  remove(path: string): Answer<unknown> {
    return this.#run(this.#mayWait(), ifThere(call("unlink", path)));
  }

  removeAll(path: string): Answer<void> {
    return this.#run(this.#mayWait(), call("rm", path, { recursive: true, force: true }));
  }

  makeFolder(path: string): Answer<void> {
    return this.#run(this.#mayWait(), this.#makeFolder(path));
  }

  list(path: string): Answer<string[] | undefined> {
    return this.#run(this.#mayWait(), ifThere(call("readdir", path)));
  }

  age(path: string): Answer<number> {
    return this.#run(this.#mayWait(), age(path));
  }

  isThere(path: string): Answer<boolean> {
    return this.#run(this.#mayWait(), isThere(path));
  }

  syncFolder(path: string): Answer<void> {
    return this.#run(this.#io === "sync", this.#syncFolder(path));
  }

  pause(millis: number): Promise<void> {
    const { setImmediate } = globalThis as { setImmediate?: (work: () => void) => void };
    return new Promise((resolve) => {
      if (millis > 0 || setImmediate === undefined) setTimeout(resolve, millis);
      else setImmediate(resolve);
    });
  }

  elapsed(): number {
    return performance.now();
  }

  renameNow(from: string, to: string): void {
    ignoreFailure(() => this.#fs.renameSync(from, to));
  }

  removeNow(path: string): void {
    ignoreFailure(() => this.#fs.unlinkSync(path));
  }

  /** Counts those that begin before the caller of the first has gone on. */
  #countWrite(): void {
    this.#writesAtOnce += 1;
    if (this.#writesAtOnce === 1) queueMicrotask(() => (this.#writesAtOnce = 0));
  }

  readonly #mayWait = (): boolean => {
    if (this.#io !== "auto") return this.#io === "sync";
    return performance.now() >= this.#cautiousUntil;
  };

  #run<T>(isNow: boolean, job: Job<T>): Answer<T> {
    if (!isNow) return this.#runner.later(job);
    if (this.#io === "sync") return this.#runner.now(job);
    const began = performance.now();
    try {
      return this.#runner.now(job);
    } finally {
      const ended = performance.now();
      if (ended - began > SLOW) this.#cautiousUntil = ended + CAUTION;
    }
  }

  *#open(
    path: string,
    most: number,
    update: boolean,
    scratch: Uint8Array | undefined,
  ): Job<Uint8Array | Opened | undefined> {
    const { read, update: change } = this.#flags;
    const fd = yield* ifThere(call("open", path, update ? change : read));
    if (fd === undefined) return undefined;
    let isKept = false;
    try {
      const buffer = scratch !== undefined && most <= scratch.length ? scratch : new Uint8Array(most);
      const count = yield* readAll(fd, buffer, most, 0);
      // A view is good enough for who copies it at once.
      const start = buffer === scratch ? buffer.subarray(0, count) : buffer.slice(0, count);
      if (count < most && !update) return start;
      const { size } = yield* call("fstat", fd);
      if (size === count && !update) return start;
      isKept = true;
      return { start, length: size, file: new OpenFile(this.#fs, this.#runner, this.#io, this.#mayWait, fd) };
    } finally {
      if (!isKept) this.#fs.closeSync(fd);
    }
  }

  *#create(path: string, bytes: Uint8Array, sync: boolean): Job<void> {
    const fd = yield* call("open", path, this.#flags.create, PRIVATE_FILE);
    try {
      yield* writeAll(fd, bytes, 0);
      if (sync) yield* call("fsync", fd);
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  *#enter(folder: string, path: string, sync: boolean): Job<void> {
    try {
      this.#fs.closeSync(yield* this.#openIn(folder, path));
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    if (sync) yield* this.#syncFolder(folder);
  }

  *#stage(folder: string, path: string): Job<OpenFile> {
    const fd = yield* this.#openIn(folder, path);
    return new OpenFile(this.#fs, this.#runner, this.#io, this.#mayWait, fd, path);
  }

  /** Makes a file, and its folder where that is missing. */
  *#openIn(folder: string, path: string): Job<number> {
    const make = () => call("open", path, this.#flags.create, PRIVATE_FILE);
    const fd = yield* ifThere(make());
    if (fd !== undefined) return fd;
    yield* this.#makeFolder(folder);
    return yield* make();
  }

  *#copy(from: string, to: string): Job<void> {
    const fd = yield* call("open", from, this.#flags.read);
    try {
      const copy = yield* call("open", to, this.#flags.create, PRIVATE_FILE);
      try {
        const buffer = new Uint8Array(SCRATCH);
        for (let at = 0, count = 1; count > 0; at += count) {
          count = yield* readAll(fd, buffer, buffer.length, at);
          yield* writeAll(copy, buffer.subarray(0, count), at);
        }
        yield* call("fsync", copy);
      } finally {
        this.#fs.closeSync(copy);
      }
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  *#makeFolder(path: string): Job<void> {
    yield* makeFolder(path);
    this.#ways.forget();
  }

  *#syncFolder(path: string): Job<void> {
    yield* this.#syncNames(path);
    yield* this.#ways.sync(path, (above) => this.#syncNames(above));
  }

  *#syncNames(path: string): Job<void> {
    const fd = yield* call("open", path, this.#fs.constants.O_RDONLY);
    try {
      yield* call("fsync", fd);
    } finally {
      this.#fs.closeSync(fd);
    }
  }
}

/** An open file, as the core calls it. Pieces are large: the thread does not wait for them unless it must. */
class OpenFile {
  readonly #fs: NodeFs;
  readonly #runner: Runner;
  readonly #isNow: boolean;
  readonly #mayWait: () => boolean;
  readonly #fd: number;
  #path: string | undefined;
  /** Room for the piece on its way: one call follows another, and what each left behind would have to be collected. */
  #room = new Uint8Array(0);
  #atWork = 0;
  #isClosed = false;

  /**
   * @param mayWait whether the thread may wait for a call that is as short as can be
   * @param path of a file that goes when it is closed
   */
  constructor(fs: NodeFs, runner: Runner, io: FolderIo, mayWait: () => boolean, fd: number, path?: string) {
    this.#fs = fs;
    this.#mayWait = mayWait;
    this.#path = path;
    this.#runner = runner;
    this.#isNow = io === "sync";
    this.#fd = fd;
  }

  readAt(at: number, length: number): Answer<Uint8Array> {
    return this.#run(readPiece(this.#fd, at, this.#roomFor(length)));
  }

  writeAt(at: number, bytes: Uint8Array, end: boolean): Answer<void> {
    return this.#run(writePiece(this.#fd, at, this.#isNow ? bytes : this.#keep(bytes), end));
  }

  /** A few bytes, which the thread may wait for where it may wait at all. */
  writeNoted(at: number, bytes: Uint8Array, path: string, note: string): Answer<void> {
    const isNow = this.#mayWait();
    const job = this.#writeNoted(at, isNow ? bytes : this.#keep(bytes), path, note);
    return isNow ? this.#runner.now(job) : this.#run(job);
  }

  sync(): Answer<void> {
    return this.#run(call("fsync", this.#fd));
  }

  /** Closes the file, but not under a call that is at work: another file could get its number. */
  close(): void {
    const path = this.#path;
    this.#path = undefined;
    if (path !== undefined) ignoreFailure(() => this.#fs.unlinkSync(path));
    this.#isClosed = true;
    if (this.#atWork === 0) ignoreFailure(() => this.#fs.closeSync(this.#fd));
  }

  *#writeNoted(at: number, bytes: Uint8Array, path: string, note: string): Job<void> {
    try {
      yield* call("link", path, note);
    } catch (error) {
      if (codeOf(error) === "ENOENT") throw error;
      // A file system without links: one is only the cheapest file there is.
      const { O_WRONLY, O_CREAT, O_EXCL } = this.#fs.constants;
      this.#fs.closeSync(yield* call("open", note, O_WRONLY | O_CREAT | O_EXCL, PRIVATE_FILE));
    }
    try {
      yield* writeAll(this.#fd, bytes, at);
    } finally {
      yield* call("unlink", note);
    }
  }

  #roomFor(length: number): Uint8Array {
    if (this.#room.length < length) this.#room = new Uint8Array(length);
    return this.#room.subarray(0, length);
  }

  #keep(bytes: Uint8Array): Uint8Array {
    const kept = this.#roomFor(bytes.length);
    kept.set(bytes);
    return kept;
  }

  #run<T>(job: Job<T>): Answer<T> {
    if (this.#isNow) return this.#runner.now(job);
    this.#atWork += 1;
    return this.#runner.later(job).finally(() => {
      this.#atWork -= 1;
      if (this.#isClosed) this.close();
    });
  }
}

function* readPiece(fd: number, at: number, into: Uint8Array): Job<Uint8Array> {
  return into.subarray(0, yield* readAll(fd, into, into.length, at));
}

function* writePiece(fd: number, at: number, bytes: Uint8Array, end: boolean): Job<void> {
  if (end) yield* call("ftruncate", fd, at);
  yield* writeAll(fd, bytes, at);
}

function* readAll(fd: number, into: Uint8Array, most: number, at: number): Job<number> {
  let done = 0;
  while (done < most) {
    const count = yield* call("read", fd, into, done, most - done, at + done);
    done += count;
    // A file of the disk gives less than was asked for only at its end.
    if (count === 0 || (at === 0 && done < most)) break;
  }
  return done;
}

function* writeAll(fd: number, bytes: Uint8Array, at: number): Job<void> {
  let done = 0;
  while (done < bytes.length) done += yield* call("write", fd, bytes, done, bytes.length - done, at + done);
}

/** Step by step: Node 20 itself says `ENOENT` where the disk is full on the way. */
function* makeFolder(path: string): Job<void> {
  if (yield* isMade(path)) return;
  const above = path.replace(/[/\\]?[^/\\]*$/, "");
  if (above !== "") yield* makeFolder(above);
  if (!(yield* isMade(path))) throw Object.assign(new Error("there is no such place"), { code: "ENOENT" });
}

/** Makes a folder, unless one that leads to it is missing. */
function* isMade(path: string): Job<boolean> {
  try {
    yield* call("mkdir", path, { mode: PRIVATE_FOLDER });
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return false;
    if (code !== "EEXIST") throw error;
  }
  return true;
}

function* age(path: string): Job<number> {
  const { ctimeMs } = yield* call("lstat", path);
  return Date.now() - ctimeMs;
}

function* isThere(path: string): Job<boolean> {
  return (yield* ifThere(call("lstat", path))) !== undefined;
}

function* ifThere<T>(job: Job<T>): Job<T | undefined> {
  try {
    return yield* job;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** For what is done on the way out, where nobody is left to be told. */
function ignoreFailure(work: () => void): void {
  try {
    work();
  } catch {
    // What is left behind is swept later.
  }
}
