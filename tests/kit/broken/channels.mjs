import { join, utf8 } from "../bytes.mjs";
import { ReferenceStorage } from "../reference.mjs";
import { breaks } from "./breaks.mjs";

/** C2, C3, C6 and C11: the channels, the callbacks, and what is missing. */

class ReadsWhatIsThereNow extends ReferenceStorage {
  hand(id, record, consumer) {
    const sessions = this.shelf.sessions;
    const live = {
      ...record,
      get data() {
        return sessions.get(id)?.data ?? new Uint8Array();
      },
    };
    return super.hand(id, live, consumer);
  }

  *pieces(record) {
    for (let at = 0; at < record.data.length; at += 65_536) yield record.data.slice(at, at + 65_536);
  }
}

class DescribesWhatIsThereNow extends ReferenceStorage {
  hand(id, record, consumer) {
    const stale = (channel, info) => consumer(channel, { ...info, revision: `${info.revision} or so` });
    return super.hand(id, record, stale);
  }
}

class SwallowsTheConsumersNotFound extends ReferenceStorage {
  async read(id, consumer) {
    try {
      return await super.read(id, consumer);
    } catch (error) {
      throw error?.code === "ERR_SESSION_NOT_FOUND" ? this.missing(id) : error;
    }
  }
}

class WrapsTheConsumersError extends ReferenceStorage {
  hand(id, record, consumer) {
    return super.hand(id, record, async (channel, info) => {
      try {
        return await consumer(channel, info);
      } catch (cause) {
        throw new Error("The consumer failed.", { cause });
      }
    });
  }
}

const nothing = () => ({
  data: new Uint8Array(),
  sum: 0,
  revision: "r0",
  createdAt: 0,
  idle: null,
  age: null,
  tags: [],
});

class ReadsTheMissingAsEmpty extends ReferenceStorage {
  async read(id, consumer) {
    this.check(id);
    return this.hand(id, this.use(id) ?? nothing(), consumer);
  }
}

class CreatesByReading extends ReferenceStorage {
  async read(id, consumer) {
    this.check(id);
    if (this.use(id) === undefined) {
      super.commit(id, new Uint8Array(), {});
      throw this.missing(id);
    }
    return super.read(id, consumer);
  }
}

class TakesTheEmptyForMissing extends ReferenceStorage {
  use(id) {
    const record = super.use(id);
    return record?.data.length === 0 ? undefined : record;
  }
}

class DropsTheConsumersAnswer extends ReferenceStorage {
  async hand(id, record, consumer) {
    return JSON.parse(JSON.stringify((await super.hand(id, record, consumer)) ?? null));
  }
}

class WaitsForTheClose extends ReferenceStorage {
  collect(provider, signal) {
    return super.collect(async (inner) => {
      const writer = inner.getWriter();
      let close;
      const closed = new Promise((resolve) => {
        close = resolve;
      });
      await provider(new WritableStream({ write: (chunk) => writer.write(chunk), close }));
      await closed;
    }, signal);
  }
}

/** The plainest way to collect: what has not arrived when the provider returns is lost, and the channel stays open. */
class LosesWritesThatNobodyAwaits extends ReferenceStorage {
  room = 65_536;

  async collect(provider) {
    const chunks = [];
    const sink = {
      write: async (chunk) => {
        const bytes = this.keep(chunk);
        for (let hop = 0; hop < 9; hop += 1) await undefined;
        chunks.push(bytes);
      },
    };
    await provider(new WritableStream(sink, new ByteLengthQueuingStrategy({ highWaterMark: this.room })));
    return join(chunks);
  }
}

class NeverHoldsAProviderBack extends LosesWritesThatNobodyAwaits {
  room = Number.POSITIVE_INFINITY;
}

class LeavesTheReadersChannelOpen extends ReferenceStorage {
  async hand(_id, record, consumer) {
    const pieces = this.pieces(record);
    const pull = (controller) => {
      const { done, value } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    };
    return consumer(new ReadableStream({ pull }, { highWaterMark: 0 }), this.describe(record));
  }
}

class ClosesWithAnErrorWithoutACode extends ReferenceStorage {
  late() {
    return new Error("too late");
  }
}

class HandsTheChannelOverWhole extends ReferenceStorage {
  *pieces({ data }) {
    if (data.length > 0) yield data.slice();
  }
}

class ReadsOneLine extends ReferenceStorage {
  *pieces({ data }) {
    const end = data.indexOf(10);
    yield* super.pieces({ data: end === -1 ? data : data.subarray(0, end) });
  }
}

class ReadsAsText extends ReferenceStorage {
  *pieces({ data }) {
    yield* super.pieces({ data: utf8(new TextDecoder().decode(data)) });
  }
}

class FailsOnReadersThatStopEarly extends ReferenceStorage {
  async hand(id, record, consumer) {
    this.readers = (this.readers ?? 0) + 1;
    if (this.readers > 20) throw new Error("too many open readers");
    return super.hand(id, record, async (channel, info) => {
      const counted = channel.pipeThrough(new TransformStream({ flush: () => void (this.readers -= 1) }));
      return consumer(counted, info);
    });
  }
}

class LeavesASourceUncancelled extends ReferenceStorage {
  async gather(data, signal) {
    if (!(data instanceof ReadableStream)) return super.gather(data, signal);
    const { take, whole } = this.receiver();
    const reader = data.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return whole();
      take(value);
    }
  }
}

class StoresTheWholeBufferOfAView extends ReferenceStorage {
  keep(chunk) {
    return super.keep(chunk?.buffer instanceof ArrayBuffer ? chunk.buffer : chunk);
  }
}

class StoresTheElementsOfAView extends ReferenceStorage {
  keep(chunk) {
    return ArrayBuffer.isView(chunk) && !(chunk instanceof DataView)
      ? Uint8Array.from(chunk, Number)
      : super.keep(chunk);
  }
}

class TakesAnythingForBytes extends ReferenceStorage {
  keep(chunk) {
    return ArrayBuffer.isView(chunk) || chunk instanceof ArrayBuffer
      ? super.keep(chunk)
      : utf8(String(chunk));
  }
}

class ForgivesAChunkThatIsNoBytes extends ReferenceStorage {
  receiver() {
    const { take, whole } = super.receiver();
    const forgiving = (chunk) => {
      try {
        take(chunk);
      } catch (error) {
        if (error.code !== "ERR_SESSION_INVALID_OPTION") throw error;
      }
    };
    return { take: forgiving, whole };
  }
}

/** One after another, also while user code runs: whatever calls back waits for itself. */
class HoldsALockWhileUserCodeRuns extends ReferenceStorage {
  locks = new Map();

  nameOf(id) {
    return id;
  }

  async locked(id, work) {
    const name = this.nameOf(id);
    const before = this.locks.get(name);
    const mine = (async () => {
      await before?.catch(() => {});
      return work();
    })();
    this.locks.set(name, mine);
    return mine;
  }

  write(id, provider, options) {
    return this.locked(id, () => super.write(id, provider, options));
  }
}

class HasOneLockForAll extends HoldsALockWhileUserCodeRuns {
  nameOf() {
    return "all";
  }
}

class LocksReadersOutToo extends HoldsALockWhileUserCodeRuns {
  read(id, consumer) {
    return this.locked(id, () => super.read(id, consumer));
  }
}

class TakesNoCallbackForAnEmptyOne extends ReferenceStorage {
  collect(provider, signal) {
    return super.collect(typeof provider === "function" ? provider : () => {}, signal);
  }
}

class AwaitsPromisesOnly extends ReferenceStorage {
  collect(provider, signal) {
    return super.collect((channel) => {
      const answer = provider(channel);
      return answer instanceof Promise ? answer : undefined;
    }, signal);
  }
}

class StopsForGoodWhenTheClockThrows extends ReferenceStorage {
  time() {
    if (this.busy) throw new Error("recursive use of the clock");
    this.busy = true;
    const now = super.time();
    this.busy = false;
    return now;
  }
}

class BelievesAnyClock extends ReferenceStorage {
  time() {
    this.shelf.now = Math.max(this.shelf.now, this.clock());
    return this.shelf.now;
  }
}

class WorksOnAfterClose extends ReferenceStorage {
  checkOpen() {}
}

class ThrowsWhereItShouldReject extends ReferenceStorage {
  write(id, provider, options) {
    this.check(id);
    return super.write(id, provider, options);
  }
}

export const channels = [
  breaks(ReadsWhatIsThereNow, "reads what is there now", [
    "C2_a_reader_keeps_its_revision_while_the_session_is_overwritten",
    "C2_a_reader_keeps_its_revision_while_the_session_is_invalidated",
    "C2_a_reader_that_has_not_begun_to_read_keeps_its_revision_too",
    "C2_a_reader_keeps_its_revision_while_the_session_expires",
    "C2_a_reader_keeps_its_revision_while_the_session_is_evicted",
  ]),
  breaks(DescribesWhatIsThereNow, "tells another revision than it reads", [
    "C2_the_info_belongs_to_the_content",
  ]),
  breaks(SwallowsTheConsumersNotFound, "swallows the consumer's own not-found", [
    "C3_a_not_found_of_the_consumer_is_told_from_the_storages_own",
  ]),
  breaks(WrapsTheConsumersError, "wraps the consumer's error", [
    "C3_a_consumer_that_throws_is_passed_on_by_identity",
  ]),
  breaks(ReadsTheMissingAsEmpty, "reads a missing session as an empty one", [
    "C3_a_session_never_written_is_not_found_and_no_consumer_is_called",
    "C3_an_invalidated_session_is_not_found",
  ]),
  breaks(CreatesByReading, "creates a session by reading it", [
    "C3_reading_creates_nothing",
    "C3_reading_a_missing_session_is_not_counted",
  ]),
  breaks(TakesTheEmptyForMissing, "takes an empty session for a missing one", [
    "C3_an_empty_session_is_a_session",
  ]),
  breaks(DropsTheConsumersAnswer, "copies the consumer's answer", ["C3_a_consumer_gets_its_answer_back"]),
  breaks(WaitsForTheClose, "waits for the provider to close", ["C6_a_provider_need_not_close_its_channel"]),
  breaks(LosesWritesThatNobodyAwaits, "loses writes that nobody awaits, and leaves their channel open", [
    "C6_writes_that_nobody_awaits_are_stored",
    "C6_a_close_that_nobody_awaits_is_a_close",
    "C6_a_channel_kept_past_its_write_is_closed",
    "C6_a_channel_kept_past_a_failed_write_is_closed",
  ]),
  breaks(NeverHoldsAProviderBack, "never holds a provider back", [
    "C6_a_provider_that_waits_until_the_channel_is_ready_gets_on",
  ]),
  breaks(LeavesTheReadersChannelOpen, "leaves the reader's channel open", [
    "C6_a_channel_kept_past_its_read_is_closed",
    "C6_a_small_channel_kept_past_its_read_is_closed",
  ]),
  breaks(ClosesWithAnErrorWithoutACode, "closes its channels with an error without a code", [
    "C6_a_channel_kept_past_its_write_is_closed",
    "C6_a_channel_kept_past_its_read_is_closed",
  ]),
  breaks(HandsTheChannelOverWhole, "reads long content in one piece", ["C6_long_content_comes_in_pieces"]),
  breaks(ReadsOneLine, "reads one line", ["C6_line_breaks_and_nul_are_content"]),
  breaks(ReadsAsText, "reads its bytes as text", [
    "C6_line_breaks_and_nul_are_content",
    "C6_content_passes_byte_for_byte_in_chunks_of_any_size",
  ]),
  breaks(FailsOnReadersThatStopEarly, "leaks the readers of consumers that stop early", [
    "C6_a_consumer_may_stop_early",
  ]),
  breaks(LeavesASourceUncancelled, "leaves a source uncancelled", [
    "C6_a_source_is_let_go_when_set_gives_up",
  ]),
  breaks(StoresTheWholeBufferOfAView, "stores the whole buffer of a view", [
    "C11_a_view_is_stored_as_its_own_bytes",
  ]),
  breaks(StoresTheElementsOfAView, "stores the elements of a view", [
    "C11_a_view_is_stored_as_its_own_bytes",
  ]),
  breaks(TakesAnythingForBytes, "takes anything for bytes", [
    "C11_a_chunk_that_is_no_bytes_fails_the_write",
    "C11_a_source_whose_chunks_are_no_bytes_is_refused",
  ]),
  breaks(ForgivesAChunkThatIsNoBytes, "drops a chunk that is no bytes", [
    "C11_a_chunk_that_is_no_bytes_fails_the_write",
    "C11_a_source_whose_chunks_are_no_bytes_is_refused",
  ]),
  breaks(HoldsALockWhileUserCodeRuns, "holds a lock while user code runs", [
    "C11_a_provider_may_use_the_storage",
    "C11_reads_and_writes_may_be_nested_deeply",
  ]),
  breaks(HasOneLockForAll, "has one lock for all sessions", [
    "C11_a_slow_session_does_not_hold_up_another",
    "C11_many_calls_in_flight_at_once_all_end",
  ]),
  breaks(LocksReadersOutToo, "locks readers out too", ["C11_a_consumer_may_use_the_storage"]),
  breaks(TakesNoCallbackForAnEmptyOne, "takes no callback for an empty one", [
    "C11_a_callback_that_is_none_is_refused",
  ]),
  breaks(AwaitsPromisesOnly, "awaits promises only", ["C11_a_provider_may_be_any_thenable"]),
  breaks(StopsForGoodWhenTheClockThrows, "stops for good when its clock throws", [
    "C11_a_clock_that_throws_leaves_everything_as_it_was",
  ]),
  breaks(BelievesAnyClock, "believes any clock", ["C11_a_clock_that_tells_no_time_loses_nothing"]),
  breaks(WorksOnAfterClose, "works on after close()", [
    "C11_after_close_every_call_is_refused",
    "C11_a_storage_disposed_is_closed",
    "C11_calls_in_flight_at_close_end",
  ]),
  breaks(ThrowsWhereItShouldReject, "throws where it should reject", [
    "C8_an_empty_id_is_refused",
    "C11_after_close_every_call_is_refused",
  ]),
];
