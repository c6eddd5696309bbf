//! C4: invalidate is final.

use std::time::Duration;

use futures::{AsyncWriteExt, future::join_all};

use super::{
    broken::{Broken, Outcome, check, equal, fails},
    schedule::staggered,
    trial::{LARGE, Trial, new_id, pattern, tags},
};
use crate::{
    error::{Error, ErrorKind, Failure},
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

pub(super) async fn C4_invalidate_says_whether_a_session_was_there(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    equal(storage.invalidate(&id).await?, false, "invalidate before the first write")?;
    storage.put(&id, b"content", WriteOptions::new()).await?;
    equal(storage.invalidate(&id).await?, true, "invalidate")?;
    equal(storage.invalidate(&id).await?, false, "a second invalidate")?;
    storage.is_gone(&id, "after invalidate").await
}

pub(super) async fn C4_a_write_after_invalidate_makes_a_new_session(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let first = storage.put(&id, b"first", WriteOptions::new()).await?;
    let created = storage.info_of(&id).await?.created_at;
    storage.clock.advance(10);
    storage.invalidate(&id).await?;
    let second = storage.put(&id, b"second", WriteOptions::new()).await?;
    storage.holds(&id, b"second", "after a new write").await?;
    check(first != second, "a session made anew has the revision of the old one")?;
    check(storage.info_of(&id).await?.created_at > created, "a session made anew is as old as the old one")
}

pub(super) async fn C4_only_the_session_named_is_invalidated(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?, new_id()?];
    for id in &ids {
        storage.put(id, b"content", WriteOptions::new()).await?;
    }
    storage.invalidate(&ids[1]).await?;
    storage.holds(&ids[0], b"content", "after another was invalidated").await?;
    storage.is_gone(&ids[1], "after invalidate").await?;
    storage.holds(&ids[2], b"content", "after another was invalidated").await
}

pub(super) async fn C4_invalidate_wins_over_a_write_in_flight(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for closed in [false, true] {
        for there in [true, false] {
            let id = new_id()?;
            if there {
                storage.put(&id, b"old", WriteOptions::new()).await?;
            }
            let mut writer = storage.begun(&id, &pattern(LARGE, 1), WriteOptions::new()).await?;
            if closed {
                writer.close().await?;
            }
            equal(storage.invalidate(&id).await?, there, "invalidate during a write")?;
            fails(writer.commit().await, ErrorKind::Conflict, "a write begun before invalidate")?;
            storage.is_gone(&id, "after a write in flight ended").await?;
        }
    }
    Ok(())
}

pub(super) async fn C4_a_write_in_flight_does_not_replace_a_session_made_anew(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let early = storage.begun(&id, b"early", WriteOptions::new()).await?;
    storage.invalidate(&id).await?;
    let late = storage.begun(&id, b"late", WriteOptions::new()).await?;
    late.commit().await?;
    let info = storage.info_of(&id).await?;
    fails(early.commit().await, ErrorKind::Conflict, "a write begun before invalidate")?;
    storage.is_as_it_was(&id, b"late", &info, "after a write in flight ended").await
}

pub(super) async fn C4_every_write_in_flight_is_stopped(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let mut writers = Vec::new();
    for seed in 0..5 {
        writers.push(storage.begun(&id, &pattern(100, seed), WriteOptions::new()).await?);
    }
    // One that ends in between must not take the others' fence away with it.
    writers.remove(2).commit().await?;
    drop(writers.remove(0));
    storage.invalidate(&id).await?;
    for writer in writers {
        fails(writer.commit().await, ErrorKind::Conflict, "each write begun before invalidate")?;
    }
    storage.is_gone(&id, "after all writes ended").await
}

pub(super) async fn C4_invalidate_does_not_stop_a_write_of_another_session(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, other) = (new_id()?, new_id()?);
    storage.put(&other, b"content", WriteOptions::new()).await?;
    let writer = storage.begun(&id, b"content", WriteOptions::new()).await?;
    storage.invalidate(&other).await?;
    writer.commit().await?;
    storage.holds(&id, b"content", "after another was invalidated").await
}

pub(super) async fn C4_a_provider_may_invalidate_its_own_session(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let result = storage
        .write(&id, WriteOptions::new(), async |channel| {
            channel.write_all(b"new").await?;
            check_true(storage.invalidate(&id).await?)
        })
        .await;
    match result {
        Err(Failure::Storage(error)) => equal(error.kind(), ErrorKind::Conflict, "the write's error")?,
        other => return Err(Broken::new(format!("a write that invalidated itself gave {other:?}"))),
    }
    storage.is_gone(&id, "after its own provider invalidated it").await
}

fn check_true(answer: bool) -> Result<(), Error> {
    if answer { Ok(()) } else { Err(Error::new(ErrorKind::Storage, "invalidate found no session")) }
}

pub(super) async fn C4_invalidations_at_once_count_a_session_once(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for head_start in 0..6 {
        let id = new_id()?;
        storage.put(&id, b"content", WriteOptions::new()).await?;
        let (one, two) = staggered(head_start, storage.invalidate(&id), storage.invalidate(&id)).await;
        check(one? != two?, "two invalidations of one session both found it, or neither did")?;
        storage.is_gone(&id, "after two invalidations").await?;
    }
    Ok(())
}

pub(super) async fn C4_a_commit_at_once_with_invalidate_leaves_nothing(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for head_start in 0..16 {
        let id = new_id()?;
        if head_start % 4 > 1 {
            storage.put(&id, b"old", WriteOptions::new()).await?;
        }
        let writer = storage.begun(&id, b"new", WriteOptions::new()).await?;
        let commit = if head_start % 2 == 0 {
            staggered(head_start / 2, writer.commit(), storage.invalidate(&id)).await.0
        } else {
            staggered(head_start / 2, storage.invalidate(&id), writer.commit()).await.1
        };
        if commit.is_err() {
            fails(commit, ErrorKind::Conflict, "a commit at once with invalidate")?;
        }
        storage.is_gone(&id, "after an invalidate that began after the write").await?;
    }
    Ok(())
}

pub(super) async fn C4_a_touch_does_not_bring_the_session_back(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for head_start in 0..16 {
        let id = new_id()?;
        storage.put(&id, b"content", WriteOptions::new()).await?;
        let (touch, gone) = (storage.touch(&id), storage.invalidate(&id));
        let gone = if head_start % 2 == 0 {
            staggered(head_start / 2, touch, gone).await.1?
        } else {
            staggered(head_start / 2, gone, touch).await.0?
        };
        equal(gone, true, "invalidate at once with a touch")?;
        storage.is_gone(&id, "after a touch at once with invalidate").await?;
        equal(storage.touch(&id).await?, false, "a touch after it")?;
    }
    Ok(())
}

pub(super) async fn C4_a_storm_of_calls_never_brings_a_session_back(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    for round in 0..12 {
        storage.put(&id, b"old", WriteOptions::new()).await?;
        let mut writers = Vec::new();
        for seed in 0..6 {
            writers.push(storage.begun(&id, &pattern(100, seed), WriteOptions::new()).await?);
        }
        let late = writers.split_off(round % 6);
        let commits = join_all(writers.into_iter().map(crate::SessionWriter::commit));
        let gone = async {
            let gone = storage.invalidate(&id).await?;
            storage.is_gone(&id, "as soon as invalidate resolved").await?;
            Ok::<_, Broken>(gone)
        };
        let reads = join_all([storage.touch(&id), storage.touch(&id)]);
        let ((_, gone), _) = staggered(round, staggered(round / 2, commits, gone), reads).await;
        equal(gone?, true, "invalidate amid other calls")?;
        for commit in join_all(late.into_iter().map(crate::SessionWriter::commit)).await {
            fails(commit, ErrorKind::Conflict, "a commit after invalidate resolved")?;
        }
        storage.is_gone(&id, "after all calls ended").await?;
    }
    Ok(())
}

pub(super) async fn C4_a_conditional_write_in_flight_is_stopped_too(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    let revision = storage.put(&id, b"old", WriteOptions::new()).await?;
    let current = storage.begun(&id, b"new", WriteOptions::new().if_revision(revision)).await?;
    let absent = storage.begun(&new, b"new", WriteOptions::new().if_absent()).await?;
    storage.invalidate(&id).await?;
    storage.invalidate(&new).await?;
    // Its own condition would hold: there is no session.
    fails(absent.commit().await, ErrorKind::Conflict, "a creation begun before invalidate")?;
    fails(current.commit().await, ErrorKind::Conflict, "an update begun before invalidate")?;
    storage.is_gone(&id, "after the update ended").await?;
    storage.is_gone(&new, "after the creation ended").await
}

pub(super) async fn C4_invalidating_by_tag_wins_over_a_write_in_flight(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for anew in [false, true] {
        let (id, other) = (new_id()?, new_id()?);
        storage.put(&id, b"old", tags(["ada"])?).await?;
        storage.put(&other, b"old", tags(["bob"])?).await?;
        let early = storage.begun(&id, b"early", tags(["ada"])?).await?;
        let untagged = storage.begun(&id, b"early", tags([])?).await?;
        let beside = storage.begun(&other, b"new", WriteOptions::new()).await?;
        equal(storage.invalidate_tagged("ada").await?, 1, "invalidate_tagged")?;
        if anew {
            storage.put(&id, b"anew", tags(["ada"])?).await?;
        }
        for writer in [early, untagged] {
            fails(writer.commit().await, ErrorKind::Conflict, "a write begun before invalidate_tagged")?;
        }
        beside.commit().await?;
        storage.holds(&other, b"new", "after another's tag was invalidated").await?;
        if anew {
            storage.holds(&id, b"anew", "after a write in flight ended").await?;
            storage.invalidate(&id).await?;
        } else {
            storage.is_gone(&id, "after a write in flight ended").await?;
        }
    }
    Ok(())
}

pub(super) async fn C4_invalidate_wins_over_a_write_in_flight_on_the_other_side(trial: Trial<'_>) -> Outcome {
    let here = trial.open().await?;
    let there = trial.open_again(&here).await?;
    let id = new_id()?;
    here.put(&id, b"old", WriteOptions::new()).await?;
    let writer = here.begun(&id, b"new", WriteOptions::new()).await?;
    equal(there.invalidate(&id).await?, true, "invalidate on the other side")?;
    fails(writer.commit().await, ErrorKind::Conflict, "a write begun before invalidate")?;
    here.is_gone(&id, "on this side").await?;
    there.is_gone(&id, "on the other side").await
}

pub(super) async fn C4_a_write_in_flight_does_not_outlive_the_session_made_anew(trial: Trial<'_>) -> Outcome {
    let here = trial.open().await?;
    let there = trial.open_again(&here).await?;
    let brief = || WriteOptions::new().idle_timeout(Duration::from_secs(1));
    for by_sweep in [false, true] {
        let id = new_id()?;
        here.put(&id, b"old", WriteOptions::new()).await?;
        let writer = here.begun(&id, b"new", WriteOptions::new()).await?;
        there.invalidate(&id).await?;
        there.set_whole(&id, b"anew", brief()).await?;
        here.clock.advance(1_000);
        // Whoever finds it expired may remove it, but not what tells of the invalidate.
        there.is_gone(&id, "once it has expired").await?;
        if by_sweep {
            there.sweep().await?;
            here.sweep().await?;
        }
        fails(writer.commit().await, ErrorKind::Conflict, "a write begun before invalidate")?;
        here.is_gone(&id, "on this side").await?;
        there.is_gone(&id, "on the other side").await?;
    }
    Ok(())
}
