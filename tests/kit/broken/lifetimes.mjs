import { ReferenceStorage } from "../reference.mjs";
import { breaks } from "./breaks.mjs";

/** C4, C5 and C7: how sessions end, and which revision is which. */

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

class ForgetsToInvalidate extends ReferenceStorage {
  async invalidate(id) {
    this.check(id);
    return this.find(id) !== undefined;
  }
}

class CommitsAfterInvalidate extends ReferenceStorage {
  end(id) {
    this.drop(id);
  }
}

class StopsWritesOnlyOfSessionsThatAreThere extends ReferenceStorage {
  async invalidate(id) {
    return (await this.info(id)) === undefined ? false : super.invalidate(id);
  }
}

class StopsAWriteOnlyWhileTheSessionIsGone extends ReferenceStorage {
  commit(id, data, wanted) {
    const revision = super.commit(id, data, wanted);
    for (const write of this.shelf.inFlight) if (write.id === id) write.overtaken = false;
    return revision;
  }
}

class StopsOneWriteOnly extends ReferenceStorage {
  end(id) {
    this.drop(id);
    for (const write of this.shelf.inFlight) {
      if (write.id === id) {
        write.overtaken = true;
        return;
      }
    }
  }
}

class StopsWritesOfEverySession extends ReferenceStorage {
  end(id) {
    super.end(id);
    for (const write of this.shelf.inFlight) write.overtaken = true;
  }
}

class AlwaysSaysThereWasASession extends ReferenceStorage {
  async invalidate(id) {
    await super.invalidate(id);
    return true;
  }
}

class RefusesToInvalidateTheMissing extends ReferenceStorage {
  async invalidate(id) {
    if (!(await super.invalidate(id))) throw this.missing(id);
    return true;
  }
}

class RevivesByTouch extends ReferenceStorage {
  async touch(id) {
    this.check(id);
    const record = this.use(id);
    if (record === undefined) return false;
    await turn();
    record.activeAt = this.time();
    this.shelf.sessions.set(id, record);
    return true;
  }
}

class ForgetsTheFenceByTag extends ReferenceStorage {
  async invalidateTagged(tag) {
    const tagged = this.tagged(tag);
    for (const [id] of tagged) this.drop(id);
    return tagged.length;
  }
}

class ChecksTheRevisionAtTheStart extends ReferenceStorage {
  async put(id, options, content) {
    const { ifRevision } = this.readOptions(options);
    super.checkRevision(this.find(id), ifRevision);
    return super.put(id, options, content);
  }

  checkRevision() {}
}

class ChecksAndWritesInTwoSteps extends ReferenceStorage {
  async put(id, options, content) {
    return super.put(id, options, async (signal) => {
      const data = await content(signal);
      super.checkRevision(this.find(id), this.readOptions(options).ifRevision);
      await turn();
      return data;
    });
  }

  checkRevision() {}
}

class PretendsToKeepACondition extends ReferenceStorage {
  checkRevision() {}
}

class TakesNullForNoCondition extends ReferenceStorage {
  checkRevision(before, ifRevision) {
    super.checkRevision(before, ifRevision ?? undefined);
  }
}

class CreatesOnAStaleRevision extends ReferenceStorage {
  checkRevision(before, ifRevision) {
    if (before !== undefined) super.checkRevision(before, ifRevision);
  }
}

class CountsRevisionsPerSession extends ReferenceStorage {
  nextRevision(before) {
    return `r${before === undefined ? 1 : Number(before.revision.slice(1)) + 1}`;
  }
}

class NamesARevisionAfterItsContent extends ReferenceStorage {
  commit(id, data, wanted) {
    super.commit(id, data, wanted);
    const record = this.shelf.sessions.get(id);
    record.revision = `r${record.sum}`;
    return record.revision;
  }
}

class TakesUndefinedForNull extends ReferenceStorage {
  readOptions(options) {
    const asked = options !== undefined && "ifRevision" in options;
    return { ...super.readOptions(options), ifRevision: asked ? (options.ifRevision ?? null) : undefined };
  }
}

class ConflictsAlways extends ReferenceStorage {
  checkRevision(_before, ifRevision) {
    if (ifRevision !== undefined) super.checkRevision(undefined, "another");
  }
}

class CountsAFailedWrite extends ReferenceStorage {
  async put(id, options, content) {
    try {
      return await super.put(id, options, content);
    } catch (error) {
      const record = this.shelf.sessions.get(id);
      if (record !== undefined) record.revision = this.nextRevision(record);
      throw error;
    }
  }
}

class MakesARevisionByTouch extends ReferenceStorage {
  async touch(id) {
    const there = await super.touch(id);
    const record = this.shelf.sessions.get(id);
    if (there) this.shelf.sessions.set(id, { ...record, revision: this.nextRevision(record) });
    return there;
  }
}

class DropsAConditionSilently extends ReferenceStorage {
  capabilities = { ...this.capabilities, conditional: false };

  readOptions(options) {
    return { ...super.readOptions(options), ifRevision: undefined };
  }
}

class NeverExpiresBySight extends ReferenceStorage {
  find(id) {
    return this.shelf.sessions.get(id);
  }
}

class ReadsAsActivity extends ReferenceStorage {
  async read(id, consumer) {
    await this.touch(id);
    return super.read(id, consumer);
  }
}

class CountsTheAgeFromTheLastWrite extends ReferenceStorage {
  endOf(record) {
    return super.endOf({ ...record, createdAt: record.activeAt });
  }
}

class CountsFromTheStartOfAWrite extends ReferenceStorage {
  async put(id, options, content) {
    const begun = this.time();
    const revision = await super.put(id, options, content);
    this.shelf.sessions.get(id).activeAt = begun;
    return revision;
  }
}

class CutsTimeoutsTo32Bits extends ReferenceStorage {
  endOf(record) {
    const cut = (timeout) => (timeout === null ? null : timeout % 2 ** 32);
    return super.endOf({ ...record, idle: cut(record.idle), age: cut(record.age) });
  }
}

class FollowsTheClockBack extends ReferenceStorage {
  time() {
    this.shelf.now = this.clock();
    return this.shelf.now;
  }
}

class RefusesAClockThatGoesBack extends ReferenceStorage {
  time() {
    if (this.clock() < this.shelf.now) throw new Error("The clock went back.");
    return super.time();
  }
}

class HidesTheExpired extends ReferenceStorage {
  time() {
    return this.clock();
  }

  find(id) {
    const record = this.shelf.sessions.get(id);
    return record === undefined || this.hasExpired(record, this.time()) ? undefined : record;
  }

  expireAll() {
    return 0;
  }
}

class ForgetsItsTimeouts extends ReferenceStorage {
  commit(id, data, wanted) {
    const { idle = this.idleTimeout, age = this.absoluteTimeout } = wanted;
    return super.commit(id, data, { ...wanted, idle, age });
  }
}

class TakesNullForTheDefault extends ReferenceStorage {
  readOptions(options) {
    const wanted = super.readOptions(options);
    return { ...wanted, idle: wanted.idle ?? undefined, age: wanted.age ?? undefined };
  }
}

class IsBornAgainWithEachWrite extends ReferenceStorage {
  commit(id, data, wanted) {
    const revision = super.commit(id, data, wanted);
    this.shelf.sessions.get(id).createdAt = this.time();
    return revision;
  }
}

class TouchesTheExpired extends ReferenceStorage {
  async touch(id) {
    this.check(id);
    const record = this.shelf.sessions.get(id);
    if (record === undefined) return false;
    record.activeAt = this.time();
    return true;
  }
}

class TouchesNothing extends ReferenceStorage {
  async touch(id) {
    return (await this.info(id)) !== undefined;
  }
}

class TouchesTheAge extends ReferenceStorage {
  async touch(id) {
    const there = await super.touch(id);
    if (there) this.shelf.sessions.get(id).createdAt = this.time();
    return there;
  }
}

class RewritesByTouch extends ReferenceStorage {
  async touch(id) {
    const found = await this.get(id);
    if (found === undefined) return false;
    this.end(id);
    this.commit(id, found.data, {});
    return true;
  }
}

class SweepsNothing extends ReferenceStorage {
  expireAll() {
    return 0;
  }
}

class SweepsTheLiving extends ReferenceStorage {
  async sweep() {
    const count = this.shelf.sessions.size;
    this.shelf.sessions.clear();
    return count;
  }
}

class SweepsOnlyWhenTold extends ReferenceStorage {
  makeRoom(id, data) {
    const { expireAll } = this;
    this.expireAll = () => 0;
    super.makeRoom(id, data);
    this.expireAll = expireAll;
  }
}

class ShowsTheExpiredInInfo extends ReferenceStorage {
  async info(id) {
    this.check(id);
    const record = this.shelf.sessions.get(id);
    return record && this.describe(record);
  }
}

export const lifetimes = [
  breaks(ForgetsToInvalidate, "forgets to invalidate", [
    "C4_invalidate_says_whether_a_session_was_there",
    "C4_only_the_session_named_is_invalidated",
  ]),
  breaks(CommitsAfterInvalidate, "commits a write that an invalidation overtook", [
    "C4_invalidate_wins_over_a_write_in_flight",
    "C4_invalidate_wins_over_a_write_in_flight_that_has_closed_its_channel",
    "C4_a_provider_may_invalidate_its_own_session",
    "C4_a_set_in_flight_does_not_bring_the_session_back",
    "C4_a_storm_of_calls_never_brings_a_session_back",
    "C4_invalidate_wins_over_a_write_in_flight_on_the_other_side",
    "C4_a_write_in_flight_does_not_outlive_the_session_made_anew",
  ]),
  breaks(StopsWritesOnlyOfSessionsThatAreThere, "stops writes only of sessions that are there", [
    "C4_invalidate_where_no_session_is_also_stops_a_write_in_flight",
  ]),
  breaks(StopsAWriteOnlyWhileTheSessionIsGone, "stops a write only while the session is gone", [
    "C4_a_write_in_flight_does_not_replace_a_session_made_anew",
  ]),
  breaks(StopsOneWriteOnly, "stops only one of many writes", ["C4_every_write_in_flight_is_stopped"]),
  breaks(StopsWritesOfEverySession, "stops the writes of other sessions too", [
    "C4_invalidate_does_not_stop_a_write_of_another_session",
  ]),
  breaks(AlwaysSaysThereWasASession, "always says that there was a session", [
    "C4_invalidate_says_whether_a_session_was_there",
    "C4_invalidations_at_once_count_a_session_once",
  ]),
  breaks(RefusesToInvalidateTheMissing, "refuses to invalidate what is missing", [
    "C4_invalidate_says_whether_a_session_was_there",
  ]),
  breaks(RevivesByTouch, "revives a session by a touch", ["C4_a_touch_does_not_bring_the_session_back"]),
  breaks(ForgetsTheFenceByTag, "does not stop writes when it invalidates by tag", [
    "C4_invalidating_by_tag_wins_over_a_write_in_flight",
  ]),
  breaks(ChecksTheRevisionAtTheStart, "checks the revision at the start of a write", [
    "C5_the_condition_is_checked_when_the_write_commits",
    "C5_of_many_updates_of_one_revision_exactly_one_wins",
    "C5_of_many_creations_exactly_one_wins",
    "C5_a_counter_kept_by_conditional_writes_loses_nothing",
    "C5_of_many_conditional_writes_on_two_sides_exactly_one_wins",
  ]),
  breaks(ChecksAndWritesInTwoSteps, "checks and writes in two steps", [
    "C5_of_many_updates_of_one_revision_exactly_one_wins",
    "C5_of_many_creations_exactly_one_wins",
    "C5_of_many_sets_exactly_one_wins",
  ]),
  breaks(PretendsToKeepACondition, "pretends to keep a condition", [
    "C5_a_write_for_another_revision_conflicts_and_changes_nothing",
    "C5_whole_values_keep_the_condition_too",
  ]),
  breaks(TakesNullForNoCondition, "takes null for no condition", [
    "C5_of_many_creations_exactly_one_wins",
    "C5_a_write_for_another_revision_conflicts_and_changes_nothing",
  ]),
  breaks(CreatesOnAStaleRevision, "creates a session on a stale revision", [
    "C5_a_write_for_a_revision_of_a_missing_session_conflicts",
  ]),
  breaks(CountsRevisionsPerSession, "counts revisions per session", [
    "C5_a_revision_never_comes_back_with_a_session_made_anew",
    "C5_a_write_for_a_revision_of_a_missing_session_conflicts",
    "C9_a_revision_never_comes_back_after_reopening",
  ]),
  breaks(NamesARevisionAfterItsContent, "names a revision after its content", [
    "C5_each_write_makes_a_new_revision",
  ]),
  breaks(TakesUndefinedForNull, "takes undefined for null", ["C5_an_undefined_ifRevision_is_no_condition"]),
  breaks(ConflictsAlways, "always conflicts", [
    "C5_a_write_for_the_current_revision_succeeds",
    "C5_a_counter_kept_by_conditional_writes_loses_nothing",
  ]),
  breaks(CountsAFailedWrite, "makes a revision of a failed write", ["C5_a_failed_write_makes_no_revision"]),
  breaks(MakesARevisionByTouch, "makes a revision by a touch", [
    "C5_touch_makes_no_revision",
    "C7_touch_changes_nothing_but_the_time",
  ]),
  breaks(
    DropsAConditionSilently,
    "drops a condition silently",
    ["C5_a_condition_that_cannot_be_kept_is_refused"],
    { conditional: false },
  ),
  breaks(
    ReferenceStorage,
    "declares less than the kit was told",
    ["C5_the_storage_declares_what_it_can_do"],
    { conditional: false },
  ),
  breaks(NeverExpiresBySight, "returns what has expired until it is swept", [
    "C7_a_session_expires_when_it_was_idle_for_too_long",
    "C7_no_way_to_an_expired_session_is_left",
  ]),
  breaks(ReadsAsActivity, "counts reading as activity", ["C7_reading_is_not_activity"]),
  breaks(CountsTheAgeFromTheLastWrite, "counts the age from the last write", [
    "C7_a_session_expires_at_its_age_whatever_happens",
    "C7_the_earlier_of_both_clocks_counts",
    "C7_touch_does_not_extend_the_age",
  ]),
  breaks(CountsFromTheStartOfAWrite, "counts from the start of a write", [
    "C7_a_write_counts_from_when_it_ends",
  ]),
  breaks(CutsTimeoutsTo32Bits, "cuts timeouts to 32 bits", ["C7_two_to_the_32_milliseconds_are_no_less"]),
  breaks(FollowsTheClockBack, "follows the clock back", [
    "C7_a_clock_that_goes_back_expires_nothing_early",
    "C7_a_touch_with_the_clock_back_shortens_nothing",
  ]),
  breaks(RefusesAClockThatGoesBack, "refuses a clock that goes back", [
    "C7_a_clock_that_jumps_ahead_and_back_keeps_what_was_not_found_expired",
  ]),
  breaks(HidesTheExpired, "only hides what has expired", [
    "C7_a_session_found_expired_stays_so_when_the_clock_goes_back",
    "C7_sweep_removes_what_has_expired_and_counts_it",
  ]),
  breaks(ForgetsItsTimeouts, "forgets a session's own timeouts", [
    "C7_an_overwrite_that_says_nothing_keeps_the_timeouts",
  ]),
  breaks(TakesNullForTheDefault, "takes null for the default", ["C7_a_write_may_bring_its_own_timeouts"]),
  breaks(IsBornAgainWithEachWrite, "forgets when a session was created", [
    "C7_the_time_of_creation_survives_overwrites",
    "C7_a_session_expires_at_its_age_whatever_happens",
  ]),
  breaks(TouchesTheExpired, "touches what has expired", ["C7_no_way_to_an_expired_session_is_left"]),
  breaks(TouchesNothing, "touches nothing", ["C7_touch_is_activity"]),
  breaks(TouchesTheAge, "extends the age by a touch", ["C7_touch_does_not_extend_the_age"]),
  breaks(RewritesByTouch, "rewrites a session by a touch", [
    "C7_touch_changes_nothing_but_the_time",
    "C7_touch_does_not_disturb_a_write_in_flight",
  ]),
  breaks(SweepsNothing, "sweeps nothing", ["C7_sweep_removes_what_has_expired_and_counts_it"]),
  breaks(SweepsTheLiving, "sweeps the living", ["C7_sweep_removes_what_has_expired_and_counts_it"]),
  breaks(SweepsOnlyWhenTold, "sweeps only when told to", [
    "C7_expired_sessions_do_not_pile_up_where_nobody_sweeps",
    "C10_a_storage_full_of_expired_sessions_takes_a_new_one",
  ]),
  breaks(ShowsTheExpiredInInfo, "shows the expired in info()", ["C7_no_way_to_an_expired_session_is_left"]),
];
