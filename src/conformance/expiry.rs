//! C7: two clocks.

use std::time::Duration;

use super::{
    broken::{Outcome, check, equal, fails},
    trial::{LARGE, Subject, Trial, absolute, idle, new_id, pattern},
};
use crate::{
    clock::Timestamp,
    error::ErrorKind,
    expiry::{MAX_TIMEOUT, Timeout},
    id::SessionId,
    session::WriteOptions,
    storage::SessionStorage,
};

const HUNDRED_YEARS: u64 = 3_153_600_000_000;

async fn expires_in(storage: &Subject, id: &SessionId, millis: u64, what: &str) -> Outcome {
    let expected = Timestamp::from_millis(storage.clock.millis() + millis);
    equal(storage.info_of(id).await?.expires_at, Some(expected), what)
}

/// There until the very millisecond, and gone from then on.
async fn lives_for(storage: &Subject, id: &SessionId, millis: u64, which: &str) -> Outcome {
    expires_in(storage, id, millis, &format!("the deadline of {which}")).await?;
    storage.clock.advance(millis - 1);
    check(storage.info(id).await?.is_some(), format!("{which} ended before its time"))?;
    storage.clock.advance(1);
    storage.is_gone(id, &format!("after its time, {which}")).await
}

pub(super) async fn C7_a_session_expires_when_it_was_idle_for_too_long(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(1_000)).await?;
    lives_for(&storage, &id, 1_000, "a session with an idle timeout").await?;
    storage.set_whole(&id, b"content", idle(1_000)).await?;
    lives_for(&storage, &id, 1_000, "one written as a whole").await
}

pub(super) async fn C7_a_session_expires_at_its_age_whatever_happens(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", absolute(1_000)).await?;
    for seed in 0..9 {
        storage.clock.advance(100);
        storage.touch(&id).await?;
        storage.put(&id, &pattern(100, seed), WriteOptions::new()).await?;
    }
    lives_for(&storage, &id, 100, "a session that is always busy").await
}

pub(super) async fn C7_the_earlier_of_both_clocks_counts(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let both = |idle_timeout, age| idle(idle_timeout).absolute_timeout(Duration::from_millis(age));
    storage.put(&id, b"content", both(300, 1_000)).await?;
    lives_for(&storage, &id, 300, "a session idle before it is old").await?;
    storage.put(&id, b"content", both(300, 1_000)).await?;
    for _ in 0..4 {
        storage.clock.advance(200);
        storage.touch(&id).await?;
    }
    lives_for(&storage, &id, 200, "a session old before it is idle").await
}

pub(super) async fn C7_writing_is_activity_when_it_ends(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(1_000)).await?;
    storage.clock.advance(600);
    storage.put(&id, b"content", WriteOptions::new()).await?;
    expires_in(&storage, &id, 1_000, "the deadline after a write").await?;
    let writer = storage.begun(&id, b"slow", WriteOptions::new()).await?;
    storage.clock.advance(600);
    writer.commit().await?;
    lives_for(&storage, &id, 1_000, "a session whose write took long").await
}

pub(super) async fn C7_reading_is_not_activity(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(1_000)).await?;
    for _ in 0..9 {
        storage.clock.advance(100);
        storage.holds(&id, b"content", "in its time").await?;
    }
    lives_for(&storage, &id, 100, "a session that is read").await
}

pub(super) async fn C7_a_write_that_fails_is_no_activity(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(1_000)).await?;
    storage.clock.advance(600);
    drop(storage.begun(&id, b"given up", idle(9_000)).await?);
    lives_for(&storage, &id, 400, "a session whose write was given up").await
}

pub(super) async fn C7_touch_is_activity_and_changes_nothing_else(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE, 1);
    storage.put(&id, &content, idle(1_000)).await?;
    let before = storage.info_of(&id).await?;
    for _ in 0..3 {
        storage.clock.advance(900);
        equal(storage.touch(&id).await?, true, "touch")?;
        expires_in(&storage, &id, 1_000, "the deadline after a touch").await?;
    }
    let mut after = storage.info_of(&id).await?;
    after.expires_at = before.expires_at;
    equal(after, before, "what is known after a touch")?;
    storage.holds(&id, &content, "after a touch").await?;
    lives_for(&storage, &id, 1_000, "a session that was touched").await?;
    equal(storage.touch(&id).await?, false, "the touch of an expired session")?;
    storage.is_gone(&id, "after a touch that came too late").await
}

pub(super) async fn C7_a_touch_does_not_disturb_a_write_in_flight(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"old", idle(1_000)).await?;
    let writer = storage.begun(&id, b"new", WriteOptions::new()).await?;
    storage.clock.advance(500);
    storage.touch(&id).await?;
    writer.commit().await?;
    storage.holds(&id, b"new", "after a touch during its write").await
}

pub(super) async fn C7_the_storages_timeouts_are_those_of_new_sessions(trial: Trial<'_>) -> Outcome {
    let storage = trial
        .open_with(|setup| {
            setup.idle = Timeout::After(Duration::from_millis(300));
            setup.absolute = Timeout::After(Duration::from_millis(500));
        })
        .await?;
    let id = new_id()?;
    storage.put(&id, b"content", WriteOptions::new()).await?;
    lives_for(&storage, &id, 300, "a session that says nothing").await?;
    storage.put(&id, b"content", idle(400)).await?;
    lives_for(&storage, &id, 400, "a session with its own idle timeout").await?;
    let never = WriteOptions::new().idle_timeout(Timeout::Never);
    storage.put(&id, b"content", never.clone()).await?;
    lives_for(&storage, &id, 500, "a session with no idle timeout").await?;
    storage.put(&id, b"content", never.absolute_timeout(Timeout::Never)).await?;
    equal(storage.info_of(&id).await?.expires_at, None, "the deadline of a session without timeouts")
}

pub(super) async fn C7_an_overwrite_keeps_the_timeouts_unless_it_says(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.idle = Timeout::After(Duration::from_millis(50))).await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(300).absolute_timeout(Duration::from_secs(10))).await?;
    storage.clock.advance(100);
    storage.put(&id, b"content", WriteOptions::new()).await?;
    expires_in(&storage, &id, 300, "the deadline after an overwrite that says nothing").await?;
    storage.set_whole(&id, b"content", idle(20_000)).await?;
    expires_in(&storage, &id, 9_900, "the deadline after another idle timeout").await?;
    storage.put(&id, b"content", absolute(1_000)).await?;
    // Counted from when the session was made, not from now.
    expires_in(&storage, &id, 900, "the deadline after another absolute timeout").await?;
    storage.put(&id, b"content", WriteOptions::new().absolute_timeout(Timeout::Never)).await?;
    expires_in(&storage, &id, 20_000, "the deadline after no absolute timeout").await?;
    storage.put(&id, b"content", WriteOptions::new().idle_timeout(None)).await?;
    equal(storage.info_of(&id).await?.expires_at, None, "the deadline after no timeout at all")
}

pub(super) async fn C7_the_time_of_creation_survives_overwrites(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let created = Timestamp::from_millis(storage.clock.millis());
    storage.put(&id, b"first", WriteOptions::new()).await?;
    for _ in 0..2 {
        storage.clock.advance(1_000);
        storage.put(&id, b"next", WriteOptions::new()).await?;
        storage.set_whole(&id, b"next", WriteOptions::new()).await?;
        storage.touch(&id).await?;
        equal(storage.info_of(&id).await?.created_at, created, "the time of creation")?;
    }
    Ok(())
}

pub(super) async fn C7_a_session_written_after_it_expired_is_a_new_one(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for in_flight in [false, true] {
        let id = new_id()?;
        storage.put(&id, b"old", idle(1_000)).await?;
        let writer = storage.begun(&id, b"new", WriteOptions::new()).await?;
        storage.clock.advance(1_000);
        if in_flight {
            writer.commit().await?;
        } else {
            drop(writer);
            storage.set_whole(&id, b"new", WriteOptions::new()).await?;
        }
        storage.holds(&id, b"new", "written after it expired").await?;
        let info = storage.info_of(&id).await?;
        equal(info.created_at, Timestamp::from_millis(storage.clock.millis()), "the time of creation")?;
        equal(info.expires_at, None, "the deadline, which is not the old one's")?;
    }
    Ok(())
}

pub(super) async fn C7_no_way_to_an_expired_session_is_left(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?, new_id()?, new_id()?];
    for id in &ids {
        storage.put(id, b"content", idle(1_000)).await?;
    }
    storage.clock.advance(1_000);
    // Each is asked for in one way first, before anything else could have removed it.
    check(storage.get(&ids[0]).await?.is_none(), "get found an expired session")?;
    check(storage.open(&ids[1]).await?.is_none(), "open found an expired session")?;
    check(!storage.touch(&ids[2]).await?, "touch found an expired session")?;
    check(!storage.invalidate(&ids[3]).await?, "invalidate found an expired session")?;
    for id in &ids {
        storage.is_gone(id, "after it expired").await?;
    }
    Ok(())
}

pub(super) async fn C7_sweep_removes_only_what_has_expired(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (short, long, ever) = (new_id()?, new_id()?, new_id()?);
    storage.put(&short, b"short", idle(1_000)).await?;
    storage.put(&long, b"long", idle(2_000)).await?;
    storage.put(&ever, b"ever", WriteOptions::new()).await?;
    equal(storage.sweep().await?, 0, "what a sweep removes before anything has expired")?;
    storage.clock.advance(1_000);
    check(storage.sweep().await? <= 1, "a sweep removed more than had expired")?;
    storage.is_gone(&short, "after the sweep").await?;
    storage.holds(&long, b"long", "after the sweep").await?;
    storage.holds(&ever, b"ever", "after the sweep").await
}

pub(super) async fn C7_timeouts_that_make_no_sense_are_refused(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    storage.put(&id, b"content", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    for timeout in [Duration::ZERO, MAX_TIMEOUT + Duration::from_nanos(1), Duration::MAX] {
        for id in [&id, &new] {
            for options in
                [WriteOptions::new().idle_timeout(timeout), WriteOptions::new().absolute_timeout(timeout)]
            {
                let what = format!("a write with a timeout of {timeout:?}");
                let streamed = storage.put(id, b"changed", options.clone()).await;
                fails(streamed, ErrorKind::InvalidOption, &what)?;
                let whole = storage.set_whole(id, b"changed", options).await;
                fails(whole, ErrorKind::InvalidOption, &what)?;
            }
        }
    }
    storage.is_as_it_was(&id, b"content", &info, "after refusals").await?;
    storage.is_gone(&new, "after refusals").await
}

pub(super) async fn C7_long_and_short_timeouts_are_kept_exactly(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    // Beside 32 bits, signed and unsigned, the limits of timers and of a double's whole numbers.
    for millis in [1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, HUNDRED_YEARS] {
        let id = new_id()?;
        storage.put(&id, b"content", idle(millis)).await?;
        lives_for(&storage, &id, millis, &format!("a session idle for {millis} ms")).await?;
        storage.put(&id, b"content", absolute(millis)).await?;
        lives_for(&storage, &id, millis, &format!("a session of {millis} ms")).await?;
    }
    let id = new_id()?;
    storage.put(&id, b"content", WriteOptions::new().idle_timeout(Duration::from_nanos(1))).await?;
    lives_for(&storage, &id, 1, "a session idle for a nanosecond").await
}

pub(super) async fn C7_a_clock_that_goes_back_ends_nothing_early(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (touched, written, aged) = (new_id()?, new_id()?, new_id()?);
    storage.put(&touched, b"content", idle(1_000)).await?;
    storage.put(&written, b"content", idle(1_000)).await?;
    storage.put(&aged, b"content", absolute(1_000)).await?;
    storage.clock.back(100_000);
    storage.touch(&touched).await?;
    storage.put(&written, b"next", WriteOptions::new()).await?;
    storage.touch(&aged).await?;
    for id in [&touched, &written, &aged] {
        expires_in(&storage, id, 101_000, "the deadline after the clock went back").await?;
    }
    storage.clock.advance(100_999);
    storage.holds(&touched, b"content", "in its time").await?;
    storage.holds(&written, b"next", "in its time").await?;
    storage.holds(&aged, b"content", "in its time").await?;
    storage.clock.advance(1);
    for id in [&touched, &written, &aged] {
        storage.is_gone(id, "after its time").await?;
    }
    Ok(())
}

pub(super) async fn C7_a_session_found_expired_stays_gone_when_the_clock_goes_back(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?, new_id()?, new_id()?, new_id()?];
    for id in &ids {
        storage.put(id, b"content", idle(1_000)).await?;
    }
    storage.clock.advance(1_000);
    check(storage.info(&ids[0]).await?.is_none(), "info found an expired session")?;
    check(storage.get(&ids[1]).await?.is_none(), "get found an expired session")?;
    check(storage.open(&ids[2]).await?.is_none(), "open found an expired session")?;
    check(!storage.touch(&ids[3]).await?, "touch found an expired session")?;
    check(!storage.invalidate(&ids[4]).await?, "invalidate found an expired session")?;
    storage.clock.back(1_000);
    for id in &ids {
        storage.is_gone(id, "after it was found expired and the clock went back").await?;
    }
    Ok(())
}

pub(super) async fn C7_a_clock_that_jumps_ahead_and_back_keeps_what_nobody_missed(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(1_000)).await?;
    storage.clock.advance(1_000_000);
    storage.clock.back(1_000_000);
    storage.holds(&id, b"content", "after the clock was ahead for a moment").await?;
    lives_for(&storage, &id, 1_000, "a session whose clock was ahead for a moment").await?;
    // A moment that somebody saw passes no less.
    storage.clock.advance(1_000_000);
    storage.is_gone(&new_id()?, "before its first write").await?;
    storage.clock.back(1_000_000);
    storage.put(&id, b"content", idle(1_000)).await?;
    lives_for(&storage, &id, 1_000, "a session made when the clock was right again").await
}
