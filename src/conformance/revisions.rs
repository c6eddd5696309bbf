//! C5: revisions.

use std::collections::HashSet;

use futures::{AsyncWriteExt, future::join_all};

use super::{
    broken::{Broken, Outcome, check, equal, fails},
    schedule::{staggered, step_aside},
    trial::{LARGE, Subject, Trial, idle, new_id, pattern},
};
use crate::{
    error::{Error, ErrorKind},
    session::{Revision, WriteOptions},
    storage::SessionStorage,
};

pub(super) async fn C5_the_storage_declares_what_it_can_do(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    equal(storage.capabilities(), trial.harness.capabilities(), "what the storage declares")
}

pub(super) async fn C5_each_write_makes_a_new_revision(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?];
    let mut seen = HashSet::new();
    for round in 0..20 {
        for id in &ids {
            let revision = if round % 2 == 0 {
                storage.put(id, b"the same", WriteOptions::new()).await?
            } else {
                storage.set_whole(id, b"the same", WriteOptions::new()).await?
            };
            equal(&storage.info_of(id).await?.revision, &revision, "the revision of the session")?;
            check(seen.insert(revision), "a revision was given twice")?;
        }
    }
    Ok(())
}

pub(super) async fn C5_a_revision_never_comes_back_with_a_session_made_anew(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let mut seen = HashSet::new();
    for round in 0..10 {
        let revision = storage.put(&id, b"content", idle(1_000)).await?;
        check(seen.insert(revision), "a session made anew has a revision of the old one")?;
        if round % 2 == 0 {
            storage.invalidate(&id).await?;
        } else {
            storage.clock.advance(1_000);
        }
    }
    Ok(())
}

pub(super) async fn C5_a_failed_write_makes_no_revision(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let revision = storage.put(&id, b"content", WriteOptions::new()).await?;
    drop(storage.begun(&id, b"given up", WriteOptions::new()).await?);
    equal(storage.info_of(&id).await?.revision, revision, "the revision")
}

pub(super) async fn C5_touch_makes_no_revision(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let revision = storage.put(&id, b"content", WriteOptions::new()).await?;
    storage.clock.advance(1);
    storage.touch(&id).await?;
    equal(storage.info_of(&id).await?.revision, revision, "the revision after a touch")
}

pub(super) async fn C5_a_condition_that_cannot_be_kept_is_refused(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    let revision = storage.put(&id, b"content", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    for (id, options) in [
        (&id, WriteOptions::new().if_revision(revision)),
        (&id, WriteOptions::new().if_absent()),
        (&new, WriteOptions::new().if_absent()),
    ] {
        let streamed = storage.put(id, b"changed", options.clone()).await;
        fails(streamed, ErrorKind::Unsupported, "a conditional write")?;
        let whole = storage.set_whole(id, b"changed", options).await;
        fails(whole, ErrorKind::Unsupported, "a conditional write as a whole")?;
    }
    storage.is_as_it_was(&id, b"content", &info, "after a refusal").await?;
    storage.is_gone(&new, "after a refusal").await
}

/// Writes in both ways; the second only where the first has failed, so that a condition is met once.
async fn write_both_ways(
    storage: &Subject,
    id: &crate::SessionId,
    content: &[u8],
    options: &WriteOptions,
    what: &str,
) -> Outcome {
    let streamed = storage.put(id, content, options.clone()).await;
    fails(streamed, ErrorKind::Conflict, &format!("{what}, through the channel,"))?;
    let whole = storage.set_whole(id, content, options.clone()).await;
    fails(whole, ErrorKind::Conflict, &format!("{what}, as a whole,"))
}

pub(super) async fn C5_a_write_for_the_current_revision_succeeds(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let first = storage.put(&id, b"first", WriteOptions::new().if_absent()).await?;
    storage.holds(&id, b"first", "after a creation").await?;
    let second = storage.set_whole(&id, b"second", WriteOptions::new().if_revision(first)).await?;
    storage.holds(&id, b"second", "after an update as a whole").await?;
    storage.put(&id, b"third", WriteOptions::new().if_revision(second)).await?;
    storage.holds(&id, b"third", "after an update through the channel").await?;
    let whole = new_id()?;
    storage.set_whole(&whole, b"first", WriteOptions::new().if_absent()).await?;
    storage.holds(&whole, b"first", "after a creation as a whole").await
}

pub(super) async fn C5_a_write_for_another_revision_conflicts_and_changes_nothing(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let (id, other) = (new_id()?, new_id()?);
    let old = storage.put(&id, b"first", WriteOptions::new()).await?;
    storage.put(&id, b"second", WriteOptions::new()).await?;
    let elsewhere = storage.put(&other, b"other", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    let longer = format!("{} ", info.revision);
    let foreign = ["", "0", "1", "\0", longer.as_str(), "né", "18446744073709551616"].map(Revision::new);
    for revision in [old, elsewhere].into_iter().chain(foreign) {
        let options = idle(5_000).if_revision(revision);
        write_both_ways(&storage, &id, b"changed", &options, "a write for another revision").await?;
    }
    let options = WriteOptions::new().if_absent();
    write_both_ways(&storage, &id, b"changed", &options, "the creation of what is there").await?;
    storage.is_as_it_was(&id, b"second", &info, "after conflicts").await
}

pub(super) async fn C5_a_write_for_a_revision_of_a_missing_session_conflicts(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, never) = (new_id()?, new_id()?);
    let revision = storage.put(&id, b"content", idle(1_000)).await?;
    let update = WriteOptions::new().if_revision(revision.clone());
    write_both_ways(&storage, &never, b"content", &update, "an update of a session never written").await?;
    storage.clock.advance(1_000);
    write_both_ways(&storage, &id, b"changed", &update, "an update of an expired session").await?;
    storage.is_gone(&id, "after conflicts").await?;
    storage.put(&id, b"anew", WriteOptions::new().if_absent()).await?;
    write_both_ways(&storage, &id, b"changed", &update, "an update of a session made anew").await?;
    storage.invalidate(&id).await?;
    write_both_ways(&storage, &id, b"changed", &update, "an update of an invalidated session").await?;
    storage.is_gone(&id, "after conflicts").await?;
    storage.is_gone(&never, "after conflicts").await
}

pub(super) async fn C5_a_session_back_at_its_old_content_has_moved_on(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let first = storage.put(&id, b"A", WriteOptions::new()).await?;
    storage.put(&id, b"B", WriteOptions::new()).await?;
    storage.put(&id, b"A", WriteOptions::new()).await?;
    let options = WriteOptions::new().if_revision(first);
    write_both_ways(&storage, &id, b"C", &options, "an update of what was A, then B, then A again").await?;
    storage.invalidate(&id).await?;
    storage.put(&id, b"A", WriteOptions::new()).await?;
    write_both_ways(&storage, &id, b"C", &options, "an update of an A made anew").await?;
    storage.holds(&id, b"A", "after conflicts").await
}

pub(super) async fn C5_the_condition_is_checked_when_the_write_commits(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    let revision = storage.put(&id, b"first", WriteOptions::new()).await?;
    let update = storage.begun(&id, b"late", WriteOptions::new().if_revision(revision)).await?;
    let creation = storage.begun(&new, b"late", WriteOptions::new().if_absent()).await?;
    storage.put(&id, b"second", WriteOptions::new()).await?;
    storage.put(&new, b"second", WriteOptions::new()).await?;
    fails(update.commit().await, ErrorKind::Conflict, "an update that was overtaken")?;
    fails(creation.commit().await, ErrorKind::Conflict, "a creation that was overtaken")?;
    storage.holds(&id, b"second", "after the conflict").await?;
    storage.holds(&new, b"second", "after the conflict").await
}

/// Exactly one commit succeeds, and the session is its.
async fn one_wins(sides: &[&Subject], options: &WriteOptions, id: &crate::SessionId) -> Outcome {
    let mut writers = Vec::new();
    for seed in 0..12_u8 {
        let side = sides[usize::from(seed) % sides.len()];
        writers.push(side.begin(id, options.clone()).await?);
    }
    for _ in 0..3 {
        for (seed, writer) in (0_u8..).zip(&mut writers) {
            writer.write_all(&pattern(20_000, seed)).await?;
        }
    }
    let commits = writers.into_iter().enumerate().map(|(number, writer)| async move {
        for _ in 0..number % 4 {
            step_aside().await;
        }
        writer.commit().await
    });
    let commits = join_all(commits).await;
    let winners: Vec<_> = (0_u8..).zip(&commits).filter(|(_, commit)| commit.is_ok()).collect();
    equal(winners.len(), 1, "the number of conditional writes that succeeded")?;
    for commit in commits.iter().filter_map(|commit| commit.as_ref().err()) {
        equal(commit.kind(), ErrorKind::Conflict, "the error of one that lost")?;
    }
    let content: Vec<u8> = (0..3).flat_map(|_| pattern(20_000, winners[0].0)).collect();
    for side in sides {
        side.holds(id, &content, "after the race").await?;
    }
    Ok(())
}

pub(super) async fn C5_of_many_updates_of_one_revision_exactly_one_wins(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let revision = storage.put(&id, b"old", WriteOptions::new()).await?;
    one_wins(&[&storage], &WriteOptions::new().if_revision(revision), &id).await?;
    for head_start in 0..8 {
        let revision = storage.put(&id, b"old", WriteOptions::new()).await?;
        let options = WriteOptions::new().if_revision(revision);
        let one = storage.set_whole(&id, b"one", options.clone());
        let two = storage.set_whole(&id, b"two", options);
        let (one, two) = staggered(head_start, one, two).await;
        check(one.is_ok() != two.is_ok(), "of two updates at once, both or neither succeeded")?;
        let winner: &[u8] = if one.is_ok() { b"one" } else { b"two" };
        storage.holds(&id, winner, "after the race").await?;
    }
    Ok(())
}

pub(super) async fn C5_of_many_creations_exactly_one_wins(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    one_wins(&[&storage], &WriteOptions::new().if_absent(), &new_id()?).await
}

async fn count(storage: &Subject, id: &crate::SessionId, times: u32) -> Outcome {
    // Each conflict means that another went ahead, which happens 80 times at most.
    let (mut left, mut conflicts) = (times, 0);
    while left > 0 {
        let Some((content, info)) = storage.get(id).await? else {
            return Err(Broken::new("the counter is missing"));
        };
        step_aside().await;
        let text = std::str::from_utf8(&content).ok().and_then(|text| text.parse::<u32>().ok());
        let next = text.ok_or_else(|| Broken::new("the counter is no number"))? + 1;
        let options = WriteOptions::new().if_revision(info.revision);
        match storage.put(id, next.to_string().as_bytes(), options).await {
            Ok(_) => left -= 1,
            Err(error) => {
                equal(error.kind(), ErrorKind::Conflict, "the error of one that lost")?;
                conflicts += 1;
                check(conflicts <= 80, "a counter conflicts more often than anybody counts")?;
            }
        }
    }
    Ok(())
}

pub(super) async fn C5_a_counter_kept_by_conditional_writes_loses_nothing(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"0", WriteOptions::new()).await?;
    for outcome in join_all((0..8).map(|_| count(&storage, &id, 10))).await {
        outcome?;
    }
    storage.holds(&id, b"80", "after 80 increments").await
}

pub(super) async fn C5_a_conditional_write_may_be_given_up(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let revision = storage.put(&id, &pattern(LARGE, 1), WriteOptions::new()).await?;
    let options = WriteOptions::new().if_revision(revision);
    drop(storage.begun(&id, b"given up", options.clone()).await?);
    storage.put(&id, b"next", options).await.map_err(|error: Error| {
        Broken::new(format!("a write that was given up stands in the way of the next: {error:?}"))
    })?;
    storage.holds(&id, b"next", "after the next write").await
}

pub(super) async fn C5_of_many_conditional_writes_on_two_sides_exactly_one_wins(trial: Trial<'_>) -> Outcome {
    let here = trial.open().await?;
    let there = trial.open_again(&here).await?;
    let id = new_id()?;
    one_wins(&[&here, &there], &WriteOptions::new().if_absent(), &id).await?;
    let revision = there.info_of(&id).await?.revision;
    one_wins(&[&here, &there], &WriteOptions::new().if_revision(revision), &id).await
}
