//! C1: all or nothing.

use std::future::pending;

use futures::{AsyncWriteExt, future::join_all};

use super::{
    broken::{Broken, Outcome, check, equal, fails, same_bytes},
    schedule::{drop_after, staggered, step_aside},
    trial::{LARGE, Trial, idle, new_id, pattern},
};
use crate::{
    error::{Error, ErrorKind, Failure},
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

#[derive(Debug, PartialEq)]
struct ProviderError(u32);

pub(super) async fn C1_a_provider_that_fails_leaves_the_session_as_it_was(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    let content = pattern(LARGE / 2, 1);
    storage.put(&id, &content, WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    for (number, id) in [(17, &id), (18, &new)] {
        let result = storage
            .write(id, WriteOptions::new(), async |channel| {
                let _ = channel.write_all(&pattern(LARGE, 2)).await;
                let _ = channel.flush().await;
                Err(ProviderError(number))
            })
            .await;
        match result {
            Err(Failure::Callback(error)) => equal(error, ProviderError(number), "the provider's error")?,
            other => return Err(Broken::new(format!("a write whose provider failed gave {other:?}"))),
        }
    }
    storage.is_as_it_was(&id, &content, &info, "after a provider failed").await?;
    storage.is_gone(&new, "after a provider of a new session failed").await
}

pub(super) async fn C1_a_writer_that_is_dropped_leaves_the_session_as_it_was(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    for id in [&id, &new] {
        for steps in 0..4 {
            let mut writer = storage.begin(id, idle(5_000)).await?;
            if steps > 0 {
                writer.write_all(&pattern(LARGE, steps)).await?;
            }
            if steps > 1 {
                writer.flush().await?;
            }
            if steps > 2 {
                writer.close().await?;
            }
            drop(writer);
            step_aside().await;
        }
    }
    storage.is_as_it_was(&id, b"old", &info, "after writers were dropped").await?;
    storage.is_gone(&new, "after writers of a new session were dropped").await
}

pub(super) async fn C1_a_write_that_is_dropped_midway_leaves_the_session_as_it_was(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    for polls in 1..8 {
        let write = storage.write(&id, WriteOptions::new(), async |channel| {
            channel.write_all(&pattern(LARGE, 3)).await?;
            pending::<()>().await;
            Ok::<_, Error>(())
        });
        check(!drop_after(polls, write).await, "a write ended before its provider did")?;
    }
    storage.is_as_it_was(&id, b"old", &info, "after writes were given up").await
}

pub(super) async fn C1_a_commit_that_is_dropped_midway_leaves_the_old_or_the_new(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let (old, new) = (pattern(LARGE, 1), pattern(LARGE / 2, 2));
    for polls in 0..12 {
        let id = new_id()?;
        storage.put(&id, &old, WriteOptions::new()).await?;
        let before = storage.info_of(&id).await?;
        let writer = storage.begun(&id, &new, WriteOptions::new()).await?;
        let ended = drop_after(polls, writer.commit()).await;
        // By one call: what was given up at its very last step may still be taking it, on another thread.
        let found = storage.get(&id).await?;
        let (content, info) =
            found.ok_or_else(|| Broken::new("a commit was given up, and the session is gone"))?;
        let is_old = info.revision == before.revision;
        check(!(ended && is_old), "a commit ended and the revision is the old one")?;
        same_bytes(&content, if is_old { &old } else { &new }, "after a commit was given up, the session")?;
        // What was given up must not stand in anybody's way, and must not come late.
        storage.put(&id, b"next", WriteOptions::new()).await?;
        step_aside().await;
        storage.holds(&id, b"next", "after the next write").await?;
    }
    Ok(())
}

pub(super) async fn C1_a_channel_that_failed_fails_the_commit(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_session_bytes = Some(1_000)).await?;
    let id = new_id()?;
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    let mut writer = storage.begin(&id, WriteOptions::new()).await?;
    let mut failed = writer.write_all(&pattern(1_001, 1)).await.is_err();
    failed |= writer.flush().await.is_err();
    if failed {
        let again = writer.write_all(b"small").await;
        check(again.is_err(), "a channel that has failed took more bytes")?;
    }
    fails(writer.commit().await, ErrorKind::TooLarge, "the commit of a channel that had failed")?;
    storage.is_as_it_was(&id, b"old", &info, "after a channel failed").await
}

pub(super) async fn C1_half_a_write_is_never_seen(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    let mut writers = Vec::new();
    for id in [&id, &new] {
        writers.push(storage.begin(id, WriteOptions::new()).await?);
    }
    for seed in 0..4 {
        for writer in &mut writers {
            writer.write_all(&pattern(LARGE / 4, seed)).await?;
            writer.flush().await?;
        }
        storage.is_as_it_was(&id, b"old", &info, "during a write").await?;
        storage.is_gone(&new, "during the write of a new session").await?;
    }
    for writer in &mut writers {
        writer.close().await?;
    }
    storage.is_as_it_was(&id, b"old", &info, "after the channel was closed").await?;
    storage.is_gone(&new, "after the channel of a new session was closed").await?;
    let content: Vec<u8> = (0..4).flat_map(|seed| pattern(LARGE / 4, seed)).collect();
    for (writer, id) in writers.into_iter().zip([&id, &new]) {
        writer.commit().await?;
        storage.holds(id, &content, "after the commit").await?;
    }
    Ok(())
}

pub(super) async fn C1_a_long_session_overwritten_by_a_short_one_leaves_nothing_behind(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let lengths = [LARGE, 10, 0, 70_000, 69_999, 70_000, 1, LARGE + 1, 0];
    for (seed, &length) in (0..).zip(&lengths) {
        storage.put(&id, &pattern(length, seed), WriteOptions::new()).await?;
        storage.holds(&id, &pattern(length, seed), "after an overwrite through the channel").await?;
    }
    for (seed, &length) in (100..).zip(&lengths) {
        storage.set_whole(&id, &pattern(length, seed), WriteOptions::new()).await?;
        storage.holds(&id, &pattern(length, seed), "after an overwrite as a whole").await?;
    }
    Ok(())
}

pub(super) async fn C1_writes_at_once_of_one_session_never_mix(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let mut writers = Vec::new();
    for _ in 0..6 {
        writers.push(storage.begin(&id, WriteOptions::new()).await?);
    }
    for _ in 0..10 {
        for (seed, writer) in (0_u8..).zip(&mut writers) {
            writer.write_all(&vec![seed; 10_000 + usize::from(seed)]).await?;
        }
    }
    let commits = join_all(writers.into_iter().map(crate::SessionWriter::commit)).await;
    let revisions = commits.into_iter().collect::<Result<Vec<_>, _>>()?;
    let content = storage.content(&id).await?.ok_or_else(|| Broken::new("nothing was written"))?;
    let seed = content.first().copied().unwrap_or(u8::MAX);
    let whole = vec![seed; 10 * (10_000 + usize::from(seed))];
    same_bytes(&content, &whole, "the session after writes at once")?;
    let expected = revisions.get(usize::from(seed)).map(|committed| &committed.revision);
    equal(Some(&storage.info_of(&id).await?.revision), expected, "the revision of what is there")?;

    for head_start in 0..8 {
        let (a, b) = (pattern(LARGE / 8, 1), pattern(LARGE / 16, 2));
        let first = storage.put(&id, &a, WriteOptions::new());
        let second = storage.set_whole(&id, &b, WriteOptions::new());
        let (first, second) = staggered(head_start, first, second).await;
        let (first, second) = (first?, second?);
        let info = storage.info_of(&id).await?;
        if info.revision == first {
            storage.holds(&id, &a, "after two writes at once").await?;
        } else {
            equal(info.revision, second, "the revision after two writes at once")?;
            storage.holds(&id, &b, "after two writes at once").await?;
        }
    }
    Ok(())
}

pub(super) async fn C1_a_failed_write_does_not_disturb_another_of_the_same_session(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE, 5);
    let mut good = storage.begin(&id, WriteOptions::new()).await?;
    good.write_all(&content[..1_000]).await?;
    drop(storage.begun(&id, b"given up", WriteOptions::new()).await?);
    good.write_all(&content[1_000..]).await?;
    let other = storage.begun(&id, b"also given up", WriteOptions::new()).await?;
    good.commit().await?;
    drop(other);
    storage.holds(&id, &content, "after others were given up").await
}
