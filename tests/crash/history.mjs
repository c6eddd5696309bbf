// What the journal tells, line by line, and whether it can be: the model that the storage is held against.
//
// Each line begins with its writer. The order of the lines is that of the moments at which they were written.
//
//   W ready
//   W begin CALL read ID                      … is about to be called
//   W begin CALL touch|invalidate ID AT
//   W begin CALL write ID NUMBER PREVIOUS TAGS CONDITION AT
//   W begin CALL list TAG
//   W begin CALL sweep
//   W under CALL AT                           … has begun
//   W end CALL MILLIS ok REVISION ID ATTEMPT NUMBER PREVIOUS TAGS INFO-TAGS EXPIRES   (of a read)
//   W end CALL MILLIS ok ANSWER…              (of another)
//   W end CALL MILLIS missing|torn …|conflict|failed …
//   - dead W | - stopped W | - continued W    (the harness)
//
// AT is the time in milliseconds. An attempt is a write's writer and call, `W.CALL`; a content names the attempt that wrote it.

const IDLE_TIMEOUT = 60 * 60 * 1000;
const LONGEST_WAIT = 20_000;

/** What is known of one session. Places are numbers of lines. */
class Session {
  constructor(id) {
    this.id = id;
    /** What was acknowledged has begun at this place or before: nothing that ended before it may be seen. */
    this.floor = 0;
    /**
     * When the last invalidate began that was acknowledged. A time, and no line: processes learn of each other's order
     * by the records' times alone, and within a millisecond they have none.
     */
    this.fence = 0;
    /** The last activity that was acknowledged. */
    this.active = 0;
    this.invalidates = [];
    this.highest = 0;
    this.numbers = new Map();
    this.successors = new Map();
  }
}

export class History {
  #rules;
  #calls = new Map();
  #open = new Map();
  #sessions = new Map();
  #revisions = new Map();
  #stopped = new Set();
  #line = 0;
  /** When the writers' lines were met, by the harness's own clock. */
  #now = 0;

  ready = new Set();
  counts = { acknowledged: 0, conflicts: 0, reads: 0, invalidates: 0, touches: 0, unresolved: 0 };
  longest = 0;

  constructor(rules, ids) {
    this.#rules = rules;
    for (const id of ids) this.#sessions.set(id, new Session(id));
  }

  take(lines) {
    this.#now = performance.now();
    for (const line of lines) {
      this.#line += 1;
      const [writer, verb, ...words] = line.split(" ");
      if (writer === "-") this.#note(verb, words[0]);
      else if (verb === "ready") this.ready.add(writer);
      else if (verb === "begin") this.#begin(writer, words);
      else if (verb === "under") this.#calls.get(`${writer}.${words[0]}`).under = Number(words[1]);
      else this.#end(writer, words);
    }
  }

  /** What the last reads of a writer found: `{ id, revision, tags }` each. */
  found(writer) {
    const reads = [...this.#calls.values()].filter((call) => call.writer === writer && call.found);
    return reads.map((call) => call.found);
  }

  listed(writer, tag) {
    const calls = [...this.#calls.values()];
    return calls.find((call) => call.writer === writer && call.kind === "list" && call.id === tag)?.listed;
  }

  /** Everything stands still: of all attempts, only those that are there can ever be seen again. */
  settle(found) {
    const attempts = new Set(found.map(({ attempt }) => attempt));
    for (const session of this.#sessions.values()) {
      session.numbers.clear();
      session.successors.clear();
      const numberOf = found.find(({ id }) => id === session.id)?.number ?? 0;
      if (session.id.startsWith("chain")) {
        this.#rules.check("counter", numberOf >= session.highest, () => {
          return `${session.id} is at ${numberOf}, but ${session.highest} was acknowledged`;
        });
      }
      session.invalidates = session.invalidates.filter((call) => call.end >= session.floor);
    }
    for (const attempt of this.#calls.keys()) if (!attempts.has(attempt)) this.#calls.delete(attempt);
    this.#revisions.clear();
    for (const { attempt, revision } of found) this.#revisions.set(revision, attempt);
  }

  #note(verb, writer) {
    if (verb === "stopped") {
      this.#stopped.add(writer);
      for (const call of this.#openOf(writer)) call.wasStopped = true;
    } else if (verb === "continued") {
      this.#stopped.delete(writer);
    } else if (verb === "dead") {
      for (const call of this.#openOf(writer)) {
        call.end = this.#line;
        if (call.kind === "write") this.counts.unresolved += 1;
        this.#waited(call, this.#now - call.met);
      }
      this.#open.delete(writer);
      this.#stopped.delete(writer);
    }
  }

  #openOf(writer) {
    return this.#open.get(writer)?.values() ?? [];
  }

  #begin(writer, [number, kind, id, ...rest]) {
    const attempt = `${writer}.${number}`;
    const session = this.#sessions.get(id);
    const call = { attempt, writer, kind, id, begin: this.#line, met: this.#now };
    if (session) Object.assign(call, { floor: session.floor, fence: session.fence, active: session.active });
    if (kind === "write") [call.number, call.previous, call.tags, call.condition] = rest;
    if (kind === "touch" || kind === "invalidate") call.at = Number(rest[0]);
    if (kind === "write") call.at = Number(rest[4]);
    if (kind === "invalidate") session.invalidates.push(call);
    if (kind === "list") call.least = this.#stable();
    this.#calls.set(attempt, call);
    if (!this.#open.has(writer)) this.#open.set(writer, new Map());
    this.#open.get(writer).set(attempt, call);
  }

  /** How many sessions there are that always carry the tag `crash` and are never invalidated. */
  #stable() {
    const isThere = (session) => session.floor > 0 && !session.id.startsWith("life");
    return [...this.#sessions.values()].filter(isThere).length;
  }

  #end(writer, [number, millis, outcome, ...rest]) {
    const call = this.#calls.get(`${writer}.${number}`);
    this.#open.get(writer).delete(call.attempt);
    call.end = this.#line;
    this.#waited(call, Number(millis));
    const isFailed = outcome === "failed" || (outcome === "conflict" && call.kind !== "write");
    this.#rules.check(
      "served",
      !isFailed,
      () => `${call.attempt}: ${call.kind} of ${call.id}: ${rest.join(" ")}`,
    );
    if (isFailed) return;
    if (call.kind === "read") this.#read(call, outcome, rest);
    else if (call.kind === "write") this.#written(call, outcome, rest);
    else if (call.kind === "touch") this.#touched(call, rest);
    else if (call.kind === "invalidate") this.#invalidated(call);
    else if (call.kind === "list") this.#list(call, rest);
    if (call.kind !== "write" && !call.found && !call.listed) this.#calls.delete(call.attempt);
  }

  #waited(call, millis) {
    // Who was stopped has itself to wait for.
    if (call.wasStopped) return;
    this.longest = Math.max(this.longest, millis);
    this.#rules.check("prompt", millis < LONGEST_WAIT, () => {
      return `${call.attempt}: ${call.kind} of ${call.id} took ${Math.round(millis)} ms`;
    });
  }

  #written(call, outcome, [revision]) {
    const session = this.#sessions.get(call.id);
    if (outcome === "conflict") {
      this.counts.conflicts += 1;
      call.isRefused = true;
      this.#rules.check("refused", !call.isSeen, () => `${call.attempt} on ${call.id} was read before`);
      return;
    }
    this.counts.acknowledged += 1;
    this.#committed(call, revision);
    session.floor = Math.max(session.floor, call.begin);
    session.active = Math.max(session.active, call.at);
    if (session.id.startsWith("chain")) {
      const other = session.numbers.get(call.number);
      this.#rules.check("chain", other === undefined && Number(call.number) > 0, () => {
        return `${session.id}: ${call.number} was acknowledged to ${other} and ${call.attempt}`;
      });
      session.numbers.set(call.number, call.attempt);
      session.highest = Math.max(session.highest, Number(call.number));
    }
  }

  /** A write is known to have been committed, by what it answered or by being read. */
  #committed(call, revision) {
    const other = this.#revisions.get(revision);
    const isOne = (other ?? call.attempt) === call.attempt && (call.revision ?? revision) === revision;
    this.#rules.check("known", isOne, () => {
      return `${call.attempt} is ${revision} and ${call.revision}; that revision is also ${other}`;
    });
    this.#revisions.set(revision, call.attempt);
    call.revision = revision;
    if (call.condition === "any" || call.condition === "none") return;
    const { successors } = this.#sessions.get(call.id);
    const successor = successors.get(call.condition);
    this.#rules.check("chain", (successor ?? call.attempt) === call.attempt, () => {
      return `${call.id}: both ${successor} and ${call.attempt} follow ${call.condition}`;
    });
    successors.set(call.condition, call.attempt);
  }

  #touched(call, [answer]) {
    this.counts.touches += 1;
    const session = this.#sessions.get(call.id);
    if (answer === "true") session.active = Math.max(session.active, call.at);
    else this.#checkMissing(call, session);
  }

  #invalidated(call) {
    this.counts.invalidates += 1;
    const session = this.#sessions.get(call.id);
    session.floor = Math.max(session.floor, call.begin);
    session.fence = Math.max(session.fence, call.at);
    session.invalidates = session.invalidates.filter(({ end = Infinity }) => end >= session.floor);
  }

  #checkMissing(call, session) {
    const isRight = call.floor === 0 || session.invalidates.some(({ end = Infinity }) => end >= call.floor);
    this.#rules.check("kept", isRight, () => `${call.attempt}: ${session.id} is missing`);
  }

  #read(call, outcome, words) {
    const session = this.#sessions.get(call.id);
    this.counts.reads += 1;
    this.#rules.check("whole", outcome !== "torn", () => `${call.attempt}: ${call.id}: ${words.join(" ")}`);
    if (outcome === "missing") this.#checkMissing(call, session);
    if (outcome !== "ok") return;
    const [revision, id, attempt, number, previous, tags, infoTags, expires] = words;
    const write = this.#calls.get(attempt);
    const asWritten =
      write?.kind === "write" && [write.id, write.number, write.previous, write.tags].join(" ");
    const asRead = [id, number, previous, tags].join(" ");
    const isKnown = asWritten === asRead && id === call.id && tags === infoTags;
    this.#rules.check("known", isKnown, () => {
      return `${call.attempt}: ${call.id} is ${asRead} of ${attempt} (${infoTags}), which wrote ${asWritten}`;
    });
    if (!isKnown) return;
    call.found = { id, attempt, revision, number: Number(number), tags: tags.split("+") };
    write.isSeen = true;
    this.#committed(write, revision);
    this.#rules.check("refused", !write.isRefused, () => `${call.attempt}: ${id} is of ${attempt}`);
    const end = write.end ?? Infinity;
    this.#rules.check("kept", end >= call.floor, () => {
      return `${call.attempt}: ${id} is of ${attempt}, which was over at ${end}; acknowledged was one of ${call.floor}`;
    });
    this.#rules.check("final", !(write.under < call.fence), () => {
      const later = `${call.fence - write.under} ms before an invalidate`;
      return `${call.attempt}: ${id} is of ${attempt} (condition ${write.condition}), begun ${later}`;
    });
    // Another life begins with its own activity.
    if (id.startsWith("life")) return;
    const active = Number(expires) - IDLE_TIMEOUT;
    this.#rules.check("active", active >= call.active, () => {
      return `${call.attempt}: ${id} was active at ${active}; acknowledged was ${call.active - active} ms later`;
    });
  }

  #list(call, revisions) {
    call.listed = revisions;
    const isOnce = new Set(revisions).size === revisions.length;
    const isAll = call.id !== "crash" || revisions.length >= call.least;
    this.#rules.check("tags", isOnce && isAll, () => {
      return `${call.attempt}: ${revisions.length} listed under ${call.id}, of at least ${call.least}`;
    });
    for (const revision of revisions) {
      const write = this.#calls.get(this.#revisions.get(revision));
      if (write === undefined) continue;
      this.#rules.check("tags", write.tags.split("+").includes(call.id), () => {
        return `${call.attempt}: ${write.id} of ${write.attempt} is listed under ${call.id}`;
      });
    }
  }
}
