import { join } from "../bytes.mjs";
import { ReferenceStorage, Shelf } from "../reference.mjs";
import { breaks } from "./breaks.mjs";

/** C1 and C9: what a write leaves behind. */

class ShowsHalfAWrite extends ReferenceStorage {
  write(id, provider, options) {
    this.shown = { id, chunks: [] };
    return super.write(id, provider, options);
  }

  keep(chunk) {
    const bytes = super.keep(chunk);
    if (this.shown !== undefined) {
      this.shown.chunks.push(bytes);
      this.commit(this.shown.id, join(this.shown.chunks), {});
    }
    return bytes;
  }
}

class AdoptsThePartOfAFailedWrite extends ReferenceStorage {
  async write(id, provider, options) {
    let failure;
    const forgiving = async (channel) => {
      try {
        await provider(channel);
      } catch (error) {
        failure = { error };
      }
    };
    const revision = await super.write(id, forgiving, options);
    if (failure !== undefined) throw failure.error;
    return revision;
  }
}

class WrapsTheProvidersError extends ReferenceStorage {
  async collect(provider, signal) {
    return super.collect(async (channel) => {
      try {
        await provider(channel);
      } catch (cause) {
        throw new Error("The provider failed.", { cause });
      }
    }, signal);
  }
}

class TakesAnAbortForAnEnd extends ReferenceStorage {
  collect(provider, signal) {
    return super.collect(async (inner) => {
      const writer = inner.getWriter();
      await provider(new WritableStream({ write: (chunk) => writer.write(chunk) }));
    }, signal);
  }
}

class ClearsBeforeItWrites extends ReferenceStorage {
  put(id, options, content) {
    this.drop(id);
    return super.put(id, options, content);
  }
}

class IgnoresTheSignal extends ReferenceStorage {
  readOptions(options) {
    return { ...super.readOptions(options), signal: undefined };
  }
}

class HeedsTheSignalOnlyAtTheEnd extends ReferenceStorage {
  async collect(provider, signal) {
    const data = await super.collect(provider);
    signal?.throwIfAborted();
    return data;
  }
}

class HeedsTheSignalWithAnErrorOfItsOwn extends ReferenceStorage {
  async put(id, options, content) {
    try {
      return await super.put(id, options, content);
    } catch (error) {
      throw options?.signal?.aborted ? new DOMException("Aborted", "AbortError") : error;
    }
  }
}

class UndoesACommitOnALateSignal extends ReferenceStorage {
  async put(id, options, content) {
    const revision = await super.put(id, options, content);
    options?.signal?.addEventListener("abort", () => this.drop(id));
    return revision;
  }
}

class KeepsChunksByReference extends ReferenceStorage {
  keep(chunk) {
    return new Uint8Array(chunk.buffer ?? chunk, chunk.byteOffset ?? 0, chunk.byteLength);
  }
}

class LetsReadersWriteOverIt extends ReferenceStorage {
  *pieces({ data }) {
    for (let at = 0; at < data.length; at += 65_536) yield data.subarray(at, at + 65_536);
  }
}

class OverwritesInPlace extends ReferenceStorage {
  commit(id, data, wanted) {
    const before = this.find(id)?.data ?? new Uint8Array();
    const longer = data.length >= before.length ? data : join([data, before.subarray(data.length)]);
    return super.commit(id, longer, wanted);
  }
}

class MixesWritesAtOnce extends ReferenceStorage {
  receiver() {
    const receiver = super.receiver();
    this.shared ??= receiver;
    return this.shelf.inFlight.size > 1 ? this.shared : (this.shared = receiver);
  }
}

class StoresLater extends ReferenceStorage {
  commit(id, data, wanted) {
    setTimeout(() => super.commit(id, data, wanted), 0);
    return `r${this.shelf.revisions + 1}`;
  }
}

class WritesBackAllItReadBefore extends ReferenceStorage {
  async put(id, options, content) {
    const snapshot = new Map(this.shelf.sessions);
    const revision = await super.put(id, options, content);
    snapshot.set(id, this.shelf.sessions.get(id));
    this.shelf.sessions = snapshot;
    return revision;
  }
}

class SharesNothing extends ReferenceStorage {}

class HandsOutNoStream extends ReferenceStorage {
  collect(provider, signal) {
    return super.collect((channel) => {
      const writer = channel.getWriter();
      return provider({ getWriter: () => ({ write: (chunk) => writer.write(chunk), releaseLock() {} }) });
    }, signal);
  }
}

const everybodys = new Shelf();

class HasOneShelfForAll extends ReferenceStorage {
  constructor(options) {
    super(options, everybodys);
  }
}

const newShelf = { join: (_storage, options) => new SharesNothing(options, new Shelf()) };
const forgets = { reopen: (_storage, options) => new SharesNothing(options, new Shelf()) };

export const writes = [
  breaks(ShowsHalfAWrite, "shows half a write", ["C1_half_a_write_is_never_seen"]),
  breaks(AdoptsThePartOfAFailedWrite, "adopts the part of a failed write", [
    "C1_a_provider_that_throws_leaves_the_session_as_it_was",
    "C1_a_provider_that_rejects_midway_leaves_the_session_as_it_was",
    "C1_a_provider_that_throws_after_it_closed_leaves_the_session_as_it_was",
  ]),
  breaks(WrapsTheProvidersError, "wraps the provider's error", [
    "C1_any_reason_of_a_provider_is_passed_on_as_it_is",
  ]),
  breaks(TakesAnAbortForAnEnd, "takes an abort for an end", [
    "C1_a_provider_that_aborts_its_channel_leaves_the_session_as_it_was",
    "C1_an_abort_that_nobody_awaits_counts_too",
  ]),
  breaks(ClearsBeforeItWrites, "clears a session before it writes it", [
    "C1_a_provider_that_throws_leaves_the_session_as_it_was",
    "C1_half_a_write_is_never_seen",
    "C1_an_iterable_that_throws_leaves_the_session_as_it_was",
    "C1_a_stream_that_errors_leaves_the_session_as_it_was",
  ]),
  breaks(IgnoresTheSignal, "ignores the signal", [
    "C1_a_signal_aborted_before_the_write_gives_it_up",
    "C1_a_signal_aborted_during_the_write_gives_it_up_at_once",
    "C1_set_heeds_its_signal",
  ]),
  breaks(HeedsTheSignalOnlyAtTheEnd, "heeds the signal only when the provider has ended", [
    "C1_a_signal_aborted_during_the_write_gives_it_up_at_once",
  ]),
  breaks(HeedsTheSignalWithAnErrorOfItsOwn, "answers a signal with an error of its own", [
    "C1_a_signal_aborted_before_the_write_gives_it_up",
    "C1_a_signal_without_a_reason_rejects_with_its_abort_error",
  ]),
  breaks(UndoesACommitOnALateSignal, "undoes a commit on a late signal", [
    "C1_a_signal_aborted_after_the_write_changes_nothing",
  ]),
  breaks(KeepsChunksByReference, "keeps chunks by reference", ["C1_a_provider_may_use_its_buffer_again"]),
  breaks(LetsReadersWriteOverIt, "lets readers write over it", [
    "C1_what_a_reader_changes_is_not_the_session",
  ]),
  breaks(OverwritesInPlace, "overwrites in place", [
    "C2_a_read_during_a_write_sees_the_old_or_the_new",
    "C1_a_long_session_overwritten_by_a_short_one_leaves_nothing_behind",
  ]),
  breaks(MixesWritesAtOnce, "mixes writes at once", ["C1_writes_at_once_of_one_session_never_mix"]),
  breaks(StoresLater, "stores after the write has resolved", [
    "C9_a_read_after_a_write_sees_it",
    "C9_reads_begun_as_the_write_resolves_see_it",
    "C9_random_operations_agree_with_a_map",
  ]),
  breaks(WritesBackAllItReadBefore, "writes back all that it read before", [
    "C9_two_hundred_writes_at_once_are_all_there",
    "C11_many_calls_in_flight_at_once_all_end",
  ]),
  breaks(SharesNothing, "says it is durable and is not", ["C9_a_session_outlives_the_storage"], forgets),
  breaks(
    SharesNothing,
    "says it is shared and is not",
    ["C9_what_is_written_on_one_side_is_read_on_the_other"],
    newShelf,
  ),
  breaks(HandsOutNoStream, "hands out a channel that is no stream", [
    "C1_a_provider_may_pipe_into_its_channel",
  ]),
  breaks(HasOneShelfForAll, "has one shelf for all", ["C9_two_storages_made_apart_do_not_share_sessions"], {
    durable: false,
    shared: false,
  }),
];
