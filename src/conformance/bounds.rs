//! C10: bounded.

use futures::AsyncWriteExt;

use super::{
    broken::{Broken, Outcome, check, equal, fails},
    trial::{Subject, Trial, idle, new_id, pattern},
};
use crate::{
    error::{Error, ErrorKind},
    id::SessionId,
    memory::WhenFull,
    session::WriteOptions,
    storage::SessionStorage,
};

const LIMIT: u64 = 10_000;

fn of_length(length: u64, seed: u8) -> Vec<u8> {
    pattern(usize::try_from(length).unwrap_or(usize::MAX), seed)
}

pub(super) async fn C10_content_of_the_largest_size_is_taken_and_a_byte_more_is_not(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_session_bytes = Some(LIMIT)).await?;
    let (id, new) = (new_id()?, new_id()?);
    let most = of_length(LIMIT, 1);
    storage.put(&id, &most, WriteOptions::new()).await?;
    storage.set_whole(&id, &most, WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    let more = of_length(LIMIT + 1, 2);
    for id in [&id, &new] {
        let streamed = storage.put(id, &more, idle(5_000)).await;
        fails(streamed, ErrorKind::TooLarge, "a write of too much")?;
        let whole = storage.set_whole(id, &more, idle(5_000)).await;
        fails(whole, ErrorKind::TooLarge, "a write of too much as a whole")?;
        // Byte by byte over the edge.
        let mut writer = storage.begun(id, &most, WriteOptions::new()).await?;
        let result = async {
            writer.write_all(b"!").await?;
            writer.close().await?;
            writer.commit().await
        };
        fails(result.await, ErrorKind::TooLarge, "a write of one byte too much")?;
    }
    storage.is_as_it_was(&id, &most, &info, "after writes of too much").await?;
    storage.is_gone(&new, "after writes of too much").await
}

pub(super) async fn C10_an_endless_provider_is_stopped(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_session_bytes = Some(LIMIT)).await?;
    let id = new_id()?;
    let mut writer = storage.begin(&id, WriteOptions::new()).await?;
    // A storage may look only now and then, but must not gather a thousand times the limit.
    for _ in 0..LIMIT {
        if let Err(error) = writer.write_all(&[7; 1_000]).await {
            equal(Error::from(error).kind(), ErrorKind::TooLarge, "what stops an endless provider")?;
            fails(writer.commit().await, ErrorKind::TooLarge, "its commit")?;
            return storage.is_gone(&id, "after an endless provider").await;
        }
    }
    Err(Broken::new("a provider wrote a thousand times the limit and nobody stopped it"))
}

async fn fill(storage: &Subject, count: usize, length: u64) -> Result<Vec<SessionId>, Broken> {
    let mut ids = Vec::new();
    for seed in (0..=u8::MAX).cycle().take(count) {
        let id = new_id()?;
        storage.put(&id, &of_length(length, seed), WriteOptions::new()).await?;
        ids.push(id);
    }
    Ok(ids)
}

async fn present(storage: &Subject, ids: &[SessionId]) -> Result<Vec<bool>, Broken> {
    let mut there = Vec::new();
    for id in ids {
        // Not a use, so that asking does not change what is evicted next.
        there.push(storage.info(id).await?.is_some());
    }
    Ok(there)
}

pub(super) async fn C10_a_full_storage_evicts_the_least_recently_used(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_sessions = Some(5)).await?;
    let ids = fill(&storage, 5, 100).await?;
    // All but the last two are used, each in its own way.
    storage.get(&ids[0]).await?;
    drop(storage.open(&ids[1]).await?);
    storage.touch(&ids[2]).await?;
    fill(&storage, 1, 100).await?;
    equal(present(&storage, &ids).await?, vec![true, true, true, false, true], "who is left")?;
    storage.set_whole(&ids[4], b"used", WriteOptions::new()).await?;
    storage.put(&ids[0], b"used", WriteOptions::new()).await?;
    fill(&storage, 3, 100).await?;
    equal(present(&storage, &ids).await?, vec![true, false, false, false, true], "who is left")?;
    let stats = storage.stats().await?;
    equal((stats.sessions, stats.evicted), (5, 4), "the numbers of sessions held and evicted")
}

pub(super) async fn C10_a_write_in_a_full_storage_evicts_no_more_than_it_must(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_sessions = Some(4)).await?;
    let ids = fill(&storage, 4, 100).await?;
    storage.put(&ids[0], &of_length(5_000, 9), WriteOptions::new()).await?;
    storage.set_whole(&ids[3], b"", WriteOptions::new()).await?;
    drop(storage.begun(&new_id()?, b"given up", WriteOptions::new()).await?);
    let stopped = storage.begun(&ids[1], b"stopped", WriteOptions::new()).await?;
    storage.invalidate(&ids[1]).await?;
    fails(stopped.commit().await, ErrorKind::Conflict, "a write begun before invalidate")?;
    fill(&storage, 1, 100).await?;
    equal(present(&storage, &ids).await?, vec![true, false, true, true], "who is left")?;
    equal(storage.stats().await?.evicted, 0, "the number of sessions evicted")
}

pub(super) async fn C10_a_conflict_evicts_nobody(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_sessions = Some(3)).await?;
    let ids = fill(&storage, 3, 100).await?;
    let old = storage.info_of(&ids[0]).await?.revision;
    storage.put(&ids[0], b"next", WriteOptions::new()).await?;
    for id in [&ids[0], &new_id()?] {
        let options = WriteOptions::new().if_revision(old.clone());
        fails(storage.put(id, b"late", options).await, ErrorKind::Conflict, "a late update")?;
    }
    equal(present(&storage, &ids).await?, vec![true; 3], "who is left")
}

/// What one session of `length` takes, with its id.
async fn footprint(trial: Trial<'_>, length: u64) -> Result<u64, Broken> {
    let storage = trial.open().await?;
    fill(&storage, 1, length).await?;
    let bytes = storage.stats().await?.bytes;
    check(bytes >= length, "the bytes held are fewer than the content")?;
    Ok(bytes)
}

pub(super) async fn C10_the_bytes_of_all_sessions_are_bounded(trial: Trial<'_>) -> Outcome {
    let each = footprint(trial, 1_000).await?;
    let storage = trial.open_with(|setup| setup.max_bytes = Some(each * 4)).await?;
    let ids = fill(&storage, 4, 1_000).await?;
    equal(storage.stats().await?.bytes, each * 4, "the bytes of four sessions")?;
    // Twice as large: the next two must go.
    storage.put(&new_id()?, &of_length(2_000, 9), WriteOptions::new()).await?;
    equal(present(&storage, &ids).await?, vec![false, false, true, true], "who is left")?;
    // One that grows makes room by evicting others, never itself.
    storage.put(&ids[2], &of_length(2_500, 9), WriteOptions::new()).await?;
    check(storage.stats().await?.bytes <= each * 4, "there are more bytes than the limit")?;
    storage.holds(&ids[2], &of_length(2_500, 9), "after it grew").await?;
    let info = storage.info_of(&ids[2]).await?;
    let stats = storage.stats().await?;
    let more = of_length(each * 4, 9);
    for id in [&ids[2], &new_id()?] {
        let result = storage.put(id, &more, WriteOptions::new()).await;
        fails(result, ErrorKind::Quota, "a session larger than the storage")?;
        let result = storage.set_whole(id, &more, WriteOptions::new()).await;
        fails(result, ErrorKind::Quota, "a session larger than the storage, as a whole")?;
    }
    storage.is_as_it_was(&ids[2], &of_length(2_500, 9), &info, "after writes of too much").await?;
    equal(storage.stats().await?, stats, "what is held after writes of too much")
}

pub(super) async fn C10_a_full_storage_that_rejects_loses_nothing(trial: Trial<'_>) -> Outcome {
    let each = footprint(trial, 1_000).await?;
    for by_bytes in [false, true] {
        let storage = trial
            .open_with(|setup| {
                setup.when_full = WhenFull::Reject;
                if by_bytes {
                    setup.max_bytes = Some(each * 3);
                } else {
                    setup.max_sessions = Some(3);
                }
            })
            .await?;
        let ids = fill(&storage, 3, 1_000).await?;
        let new = new_id()?;
        let content = of_length(1_000, 9);
        let streamed = storage.put(&new, &content, WriteOptions::new()).await;
        fails(streamed, ErrorKind::Quota, "one session more")?;
        let whole = storage.set_whole(&new, &content, WriteOptions::new()).await;
        fails(whole, ErrorKind::Quota, "one session more, as a whole")?;
        if by_bytes {
            let grown = storage.put(&ids[0], &of_length(1_001, 9), WriteOptions::new()).await;
            fails(grown, ErrorKind::Quota, "one byte more")?;
        }
        for (seed, id) in (0..).zip(&ids) {
            storage.holds(id, &of_length(1_000, seed), "in a full storage").await?;
        }
        storage.put(&ids[0], &content, WriteOptions::new()).await?;
        storage.holds(&ids[0], &content, "overwritten in a full storage").await?;
        storage.invalidate(&ids[1]).await?;
        storage.put(&new, &content, WriteOptions::new()).await?;
        storage.holds(&new, &content, "in the place that was made").await?;
        equal(storage.stats().await?.evicted, 0, "the number of sessions evicted")?;
    }
    Ok(())
}

pub(super) async fn C10_a_storage_full_of_expired_sessions_takes_a_new_one(trial: Trial<'_>) -> Outcome {
    for when_full in [WhenFull::Reject, WhenFull::Evict] {
        let storage = trial
            .open_with(|setup| {
                setup.max_sessions = Some(3);
                setup.when_full = when_full;
            })
            .await?;
        let lasting = new_id()?;
        storage.put(&lasting, b"lasting", WriteOptions::new()).await?;
        for _ in 0..2 {
            storage.put(&new_id()?, b"short", idle(1_000)).await?;
        }
        storage.clock.advance(1_000);
        for _ in 0..2 {
            storage.put(&new_id()?, b"new", WriteOptions::new()).await?;
        }
        storage.holds(&lasting, b"lasting", "beside expired sessions").await?;
        equal(storage.stats().await?.evicted, 0, "the number of sessions evicted")?;
    }
    Ok(())
}

pub(super) async fn C10_the_numbers_add_up(trial: Trial<'_>) -> Outcome {
    let each = footprint(trial, 1_000).await?;
    let storage = trial.open().await?;
    let ids = fill(&storage, 4, 1_000).await?;
    storage.put(&ids[0], &of_length(500, 1), WriteOptions::new()).await?;
    storage.set_whole(&ids[0], &of_length(1_000, 1), WriteOptions::new()).await?;
    storage.put(&ids[1], b"", WriteOptions::new()).await?;
    storage.invalidate(&ids[2]).await?;
    storage.put(&ids[3], &of_length(1_000, 2), idle(1_000)).await?;
    let stats = storage.stats().await?;
    equal((stats.sessions, stats.bytes), (3, each * 3 - 1_000), "the sessions and bytes held")?;
    storage.clock.advance(1_000);
    equal(storage.sweep().await?, 1, "the number of sessions swept")?;
    let stats = storage.stats().await?;
    equal((stats.sessions, stats.bytes), (2, each * 2 - 1_000), "the sessions and bytes held")?;
    equal((stats.expired, stats.evicted), (1, 0), "the numbers of sessions expired and evicted")?;
    for id in &ids {
        storage.invalidate(id).await?;
    }
    let stats = storage.stats().await?;
    equal((stats.sessions, stats.bytes), (0, 0), "the sessions and bytes held at the end")
}
