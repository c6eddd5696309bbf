import { checksum, SessionError, utf8 } from "../bytes.mjs";
import { ReferenceStorage, Shelf } from "../reference.mjs";
import { breaks } from "./breaks.mjs";

/** C8, C10, C11's options and C12: ids, bounds, bad input and damage. */

/** A storage whose sessions are kept under what `fold` makes of their ids. */
function folded(fold) {
  class Folding extends Map {
    get(id) {
      return super.get(fold(id));
    }
    set(id, record) {
      return super.set(fold(id), record);
    }
    delete(id) {
      return super.delete(fold(id));
    }
  }
  return class extends ReferenceStorage {
    constructor(options, shelf = Object.assign(new Shelf(), { sessions: new Folding() })) {
      super(options, shelf);
    }
  };
}

class KeepsSessionsInAnObject extends ReferenceStorage {
  object = {};

  find(id) {
    return super.find(id) ?? this.object[id];
  }
}

class TakesAnyId extends ReferenceStorage {
  check() {
    this.checkOpen();
  }
}

class MeasuresIdsInLetters extends ReferenceStorage {
  check(id) {
    this.checkOpen();
    if (typeof id !== "string" || id === "" || id.length > 1_024 || !id.isWellFormed()) super.check("");
  }
}

class RepairsSurrogates extends ReferenceStorage {
  check(id) {
    super.check(typeof id === "string" ? id.toWellFormed() : id);
  }
}

class NamesTheIdInItsMessage extends ReferenceStorage {
  missing(id) {
    return new SessionError("NOT_FOUND", `Session ${id} not found`);
  }
}

class HangsTheIdOnItsError extends ReferenceStorage {
  missing(id) {
    return Object.assign(super.missing(id), { details: { id } });
  }
}

class NamesTheIdInItsCause extends ReferenceStorage {
  missing(id) {
    return new SessionError("NOT_FOUND", "There is no such session.", new Error(`no file ${id}.dat`));
  }
}

class TellsTheIdInInfo extends ReferenceStorage {
  async hand(id, record, consumer) {
    return super.hand(id, record, (channel, info) => consumer(channel, { ...info, id }));
  }
}

class KnowsNoLargestSession extends ReferenceStorage {
  maxSessionBytes = Number.POSITIVE_INFINITY;
}

class MeasuresOneChunkAtATime extends ReferenceStorage {
  receiver() {
    const receivers = [];
    return {
      take: (chunk) => {
        const receiver = super.receiver();
        receiver.take(chunk);
        receivers.push(receiver.whole());
      },
      whole: () => new Uint8Array(receivers.flatMap((bytes) => [...bytes])),
    };
  }
}

class RefusesTheLargestSession extends ReferenceStorage {
  constructor(options, shelf) {
    super(options, shelf);
    this.maxSessionBytes -= 1;
  }
}

class LetsAProviderHideThatItWroteTooMuch extends ReferenceStorage {
  receiver() {
    const { take, whole } = super.receiver();
    let full = false;
    const dropping = (chunk) => {
      if (full) return;
      try {
        take(chunk);
      } catch (error) {
        if (error.code !== "ERR_SESSION_TOO_LARGE") throw error;
        full = true;
      }
    };
    return { take: dropping, whole };
  }
}

class KnowsNoBounds extends ReferenceStorage {
  makeRoom() {}
}

class EvictsTheOldest extends ReferenceStorage {
  use(id) {
    const order = [...this.shelf.sessions.keys()];
    const record = super.use(id);
    const sessions = new Map(this.shelf.sessions);
    this.shelf.sessions.clear();
    for (const each of order) if (sessions.has(each)) this.shelf.sessions.set(each, sessions.get(each));
    return record;
  }
}

class EvictsTheNewest extends ReferenceStorage {
  makeRoom(id, data) {
    const reversed = [...this.shelf.sessions].reverse();
    this.shelf.sessions.clear();
    for (const [each, record] of reversed) this.shelf.sessions.set(each, record);
    super.makeRoom(id, data);
  }
}

class EvictsBeforeItWrites extends ReferenceStorage {
  put(id, options, content) {
    this.makeRoom(id, new Uint8Array(1_000));
    return super.put(id, options, content);
  }
}

class EvictsThoughItRejects extends ReferenceStorage {
  makeRoom(id, data) {
    const { whenFull } = this;
    this.whenFull = "evict";
    super.makeRoom(id, data);
    this.whenFull = whenFull;
  }
}

class EvictsForWhatCanNeverFit extends ReferenceStorage {
  makeRoom(id, data) {
    if (utf8(id).length + data.length > this.maxBytes) this.shelf.sessions.clear();
    super.makeRoom(id, data);
  }
}

class CountsAnOverwriteTwice extends ReferenceStorage {
  makeRoom(id, data) {
    const before = this.shelf.sessions.get(id);
    super.makeRoom(before === undefined ? id : `${id}`.slice(1), data);
  }
}

class NeverGivesBytesBack extends ReferenceStorage {
  most = 0;

  size() {
    this.most = Math.max(this.most, super.size());
    return this.most;
  }
}

class TakesAnyDuration extends ReferenceStorage {
  readOptions(options) {
    const { idleTimeout, absoluteTimeout, ...others } = options ?? {};
    const read = (duration) =>
      duration === undefined || duration === null ? duration : parseFloat(String(duration));
    return { ...super.readOptions(others), idle: read(idleTimeout), age: read(absoluteTimeout) };
  }
}

class TakesANegativeForNone extends ReferenceStorage {
  constructor(options, shelf) {
    super({ ...options, idleTimeout: options.idleTimeout <= 0 ? null : options.idleTimeout }, shelf);
  }
}

class TakesAnyRevision extends ReferenceStorage {
  readOptions(options) {
    const { ifRevision, ...others } = options ?? {};
    return { ...super.readOptions(others), ifRevision };
  }
}

class TakesAnyLimit extends ReferenceStorage {
  constructor({ maxSessionBytes, whenFull, ...options } = {}, shelf) {
    super(options, shelf);
    this.maxSessionBytes = maxSessionBytes ?? Number.POSITIVE_INFINITY;
    this.whenFull = whenFull ?? "evict";
  }
}

class RefusesLongDurations extends ReferenceStorage {
  readOptions(options) {
    const wanted = super.readOptions(options);
    if (wanted.idle > 2 ** 31) throw new SessionError("INVALID_OPTION", "too long");
    return wanted;
  }
}

class TakesAnyClock extends ReferenceStorage {
  constructor({ clock, ...options } = {}, shelf) {
    super({ ...options, clock: typeof clock === "function" ? clock : undefined }, shelf);
  }
}

class WrapsWhatItsOptionsThrow extends ReferenceStorage {
  readOptions(options) {
    try {
      return super.readOptions(options);
    } catch (cause) {
      throw new SessionError("INVALID_OPTION", "The options cannot be read.", cause);
    }
  }
}

class ChecksNoSum extends ReferenceStorage {
  use(id) {
    const record = this.shelf.sessions.get(id);
    if (record !== undefined) record.sum = checksum(record.data);
    return super.use(id);
  }
}

class TakesTheDamagedForMissing extends ReferenceStorage {
  use(id) {
    try {
      return super.use(id);
    } catch (error) {
      if (error.code !== "ERR_SESSION_CORRUPT") throw error;
      return undefined;
    }
  }
}

class FailsAsAWholeOnDamage extends ReferenceStorage {
  checkOpen() {
    super.checkOpen();
    for (const { data, sum } of this.shelf.sessions.values()) {
      if (checksum(data) !== sum) throw new SessionError("CORRUPT", "A record is damaged.");
    }
  }
}

class DropsWhatIsNoJson extends ReferenceStorage {
  async getJson(id) {
    try {
      return await super.getJson(id);
    } catch (error) {
      if (error.code === "ERR_SESSION_CORRUPT") this.drop(id);
      throw error;
    }
  }
}

class RepairsBrokenText extends ReferenceStorage {
  async getJson(id) {
    const found = await this.get(id);
    return found && JSON.parse(new TextDecoder().decode(found.data));
  }
}

class DropsTimeoutsSilently extends ReferenceStorage {
  readOptions(options) {
    return { ...super.readOptions(options), idle: undefined, age: undefined };
  }
}

const alike = ["C8_ids_that_look_alike_are_different_sessions"];
let serial = 0;

export const limits = [
  breaks(
    folded((id) => id.normalize("NFC")),
    "composes the letters of ids",
    alike,
  ),
  breaks(
    folded((id) => id.toLowerCase()),
    "folds the case of ids",
    alike,
  ),
  breaks(
    folded((id) => id.trim()),
    "trims ids",
    alike,
  ),
  breaks(
    folded((id) => id.split("\0")[0]),
    "ends ids at NUL",
    alike,
  ),
  breaks(
    folded((id) => id.replace(/[/\\:*?"<>|]/g, "_")),
    "replaces what no path may hold",
    alike,
  ),
  breaks(
    folded((id) => id.slice(0, 255)),
    "cuts ids to 255 letters",
    ["C8_ids_that_begin_alike_are_different_sessions"],
  ),
  breaks(KeepsSessionsInAnObject, "keeps sessions in an object", alike),
  breaks(TakesAnyId, "takes any id", ["C8_an_empty_id_is_refused", "C8_an_id_that_is_no_string_is_refused"]),
  breaks(MeasuresIdsInLetters, "measures ids in letters", ["C8_an_id_of_more_than_1024_bytes_is_refused"]),
  breaks(RepairsSurrogates, "repairs surrogates", ["C8_an_id_with_a_lone_surrogate_is_refused"]),
  breaks(NamesTheIdInItsMessage, "names the id in its message", ["C8_no_error_gives_an_id_away"]),
  breaks(HangsTheIdOnItsError, "hangs the id on its error", ["C8_no_error_gives_an_id_away"]),
  breaks(NamesTheIdInItsCause, "names the id in its cause", ["C8_no_error_gives_an_id_away"]),
  breaks(TellsTheIdInInfo, "tells the id in its info", ["C8_no_info_gives_an_id_away"]),
  breaks(ReferenceStorage, "counts its ids", ["C8_generated_ids_are_256_random_bits"], {
    generateSessionId: () => String((serial += 1)).padStart(43, "A"),
  }),
  breaks(ReferenceStorage, "makes ids of 128 bits", ["C8_generated_ids_are_256_random_bits"], {
    generateSessionId: () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url"),
  }),
  breaks(KnowsNoLargestSession, "knows no largest session", [
    "C10_content_of_the_largest_size_is_taken_and_a_byte_more_is_not",
    "C10_whole_values_are_measured_in_bytes",
  ]),
  breaks(MeasuresOneChunkAtATime, "measures one chunk at a time", [
    "C10_content_of_the_largest_size_is_taken_and_a_byte_more_is_not",
  ]),
  breaks(RefusesTheLargestSession, "refuses the largest session", [
    "C10_content_of_the_largest_size_is_taken_and_a_byte_more_is_not",
  ]),
  breaks(LetsAProviderHideThatItWroteTooMuch, "cuts off what is too much", [
    "C10_a_provider_cannot_hide_that_it_wrote_too_much",
  ]),
  breaks(KnowsNoBounds, "knows no bounds", [
    "C10_a_full_storage_evicts_the_least_recently_used",
    "C10_a_full_storage_that_rejects_loses_nothing",
    "C10_writes_at_once_do_not_overfill",
  ]),
  breaks(EvictsTheOldest, "evicts the oldest", [
    "C10_a_read_counts_as_use",
    "C10_get_and_touch_count_as_use",
  ]),
  breaks(EvictsTheNewest, "evicts the newest", ["C10_a_full_storage_evicts_the_least_recently_used"]),
  breaks(EvictsBeforeItWrites, "evicts before it writes", ["C10_a_write_that_fails_evicts_nothing"]),
  breaks(EvictsThoughItRejects, "evicts though it should reject", [
    "C10_a_full_storage_that_rejects_loses_nothing",
  ]),
  breaks(EvictsForWhatCanNeverFit, "evicts for what can never fit", [
    "C10_a_session_larger_than_the_storage_evicts_nobody",
  ]),
  breaks(CountsAnOverwriteTwice, "counts an overwrite twice", [
    "C10_an_overwrite_in_a_full_storage_evicts_nothing",
  ]),
  breaks(NeverGivesBytesBack, "never gives bytes back", ["C10_the_numbers_add_up"]),
  breaks(TakesAnyDuration, "takes any duration", ["C11_a_duration_that_is_none_is_refused"]),
  breaks(TakesANegativeForNone, "takes a negative duration for none", [
    "C11_a_storage_is_not_made_with_a_duration_that_is_none",
  ]),
  breaks(TakesAnyRevision, "takes any revision", ["C11_an_ifRevision_that_is_none_is_refused"]),
  breaks(TakesAnyLimit, "takes any limit", [
    "C11_a_limit_that_is_none_is_refused",
    "C11_a_whenFull_that_is_none_is_refused",
  ]),
  breaks(RefusesLongDurations, "refuses long durations", ["C11_a_good_duration_is_taken"]),
  breaks(TakesAnyClock, "takes any clock", ["C11_a_clock_that_is_no_function_is_refused"]),
  breaks(WrapsWhatItsOptionsThrow, "wraps what its options throw", [
    "C11_an_option_whose_getter_throws_is_passed_on",
  ]),
  breaks(ChecksNoSum, "checks no sum", [
    "C12_a_damaged_record_is_told_from_a_missing_one",
    "C12_no_whole_value_comes_from_a_damaged_record",
  ]),
  breaks(TakesTheDamagedForMissing, "takes the damaged for missing", [
    "C12_a_damaged_record_is_told_from_a_missing_one",
  ]),
  breaks(FailsAsAWholeOnDamage, "fails as a whole on damage", [
    "C12_a_damaged_record_is_told_from_a_missing_one",
    "C12_a_damaged_record_can_be_invalidated",
    "C12_a_damaged_record_does_not_stop_the_housekeeping",
  ]),
  breaks(DropsWhatIsNoJson, "drops what is no JSON", [
    "C12_content_that_is_no_json_is_corrupt_to_getJson_alone",
  ]),
  breaks(RepairsBrokenText, "repairs broken text", ["C12_json_in_bytes_that_are_no_utf8_is_corrupt"]),
  breaks(DropsTimeoutsSilently, "drops timeouts silently", ["C7_timeouts_that_cannot_be_kept_are_refused"], {
    timeouts: false,
  }),
];
