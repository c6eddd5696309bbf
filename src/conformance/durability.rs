//! C9: read your writes; and what a durable or a shared storage keeps beyond itself.

use std::time::Duration;

use futures::{AsyncWriteExt, future::join_all};

use super::{
    broken::{Broken, Outcome, check, equal, same_bytes},
    schedule::step_aside,
    trial::{LARGE, Trial, idle, new_id, pattern, tags},
};
use crate::{
    error::Error,
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

pub(super) async fn C9_what_a_commit_tells_is_what_is_read(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let options =
        || WriteOptions::new().idle_timeout(Duration::from_secs(9)).absolute_timeout(Duration::from_secs(20));
    for round in 0..3 {
        storage.clock.advance(1_000);
        let committed = match round {
            0 => storage.begun(&id, b"in pieces", options()).await?.commit().await?,
            1 => storage.set(&id, b"whole"[..].into(), WriteOptions::new()).await?,
            _ => storage.begun(&id, b"in pieces again", WriteOptions::new()).await?.commit().await?,
        };
        let read = storage.info_of(&id).await?;
        equal(&committed.revision, &read.revision, "the revision that a commit told")?;
        if let Some(told) = &committed.info {
            equal(told, &read, "what a commit told")?;
        }
        equal(read.idle_timeout, Some(Duration::from_secs(9)), "the idle timeout")?;
        equal(read.absolute_timeout, Some(Duration::from_secs(20)), "the absolute timeout")?;
    }
    Ok(())
}

pub(super) async fn C9_a_read_after_a_write_sees_it(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    for seed in 0..20 {
        let content = pattern(usize::from(seed) * 999, seed);
        let write = storage.write(&id, WriteOptions::new(), async |channel| {
            channel.write_all(&content).await?;
            Ok::<_, Error>(())
        });
        let committed = write.await?;
        let got = storage.get(&id).await?;
        let (got, info) = got.ok_or_else(|| Broken::new("right after a write, the session is missing"))?;
        equal(&info.revision, &committed.revision, "the revision read right after a write")?;
        same_bytes(&got, &content, "right after a write, what get gave")?;
        storage.holds(&id, &content, "right after a write").await?;
        let next = pattern(usize::from(seed) * 777, seed + 1);
        storage.set_whole(&id, &next, WriteOptions::new()).await?;
        storage.holds(&id, &next, "right after a write as a whole").await?;
    }
    Ok(())
}

pub(super) async fn C9_two_hundred_writes_at_once_are_all_there(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = (0..200).map(|_| new_id()).collect::<Result<Vec<_>, _>>()?;
    let writes = (0_usize..).zip(&ids).map(|(number, id)| {
        let storage = &storage;
        async move {
            for _ in 0..number % 3 {
                step_aside().await;
            }
            storage.put(id, number.to_string().as_bytes(), WriteOptions::new()).await
        }
    });
    for write in join_all(writes).await {
        write?;
    }
    for (number, id) in (0_usize..).zip(&ids) {
        storage.holds(id, number.to_string().as_bytes(), "after many writes at once").await?;
    }
    Ok(())
}

pub(super) async fn C9_storages_made_apart_share_nothing(trial: Trial<'_>) -> Outcome {
    let (one, other) = (trial.open().await?, trial.open().await?);
    let id = new_id()?;
    one.put(&id, b"one", WriteOptions::new()).await?;
    other.is_gone(&id, "in another storage").await?;
    other.put(&id, b"other", WriteOptions::new()).await?;
    one.holds(&id, b"one", "beside another storage").await?;
    one.invalidate(&id).await?;
    one.close().await?;
    other.holds(&id, b"other", "after another storage was closed").await
}

pub(super) async fn C9_a_session_outlives_the_storage(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, empty, ended) = (new_id()?, new_id()?, new_id()?);
    let content = pattern(LARGE, 1);
    let mut options = idle(5_000).absolute_timeout(Duration::from_secs(60));
    if storage.capabilities().tags {
        options = options.tags(crate::Tags::new(["ada", "bob"])?);
    }
    storage.put(&id, &content, options).await?;
    storage.put(&empty, b"", WriteOptions::new()).await?;
    storage.put(&ended, b"content", WriteOptions::new()).await?;
    storage.invalidate(&ended).await?;
    drop(storage.begun(&empty, b"never committed", WriteOptions::new()).await?);
    let info = storage.info_of(&id).await?;
    storage.close().await?;

    let again = trial.open_again(&storage).await?;
    again.is_as_it_was(&id, &content, &info, "opened again").await?;
    again.holds(&empty, b"", "opened again").await?;
    again.is_gone(&ended, "opened again").await?;
    if again.capabilities().tags {
        equal(again.tagged("bob").await?, vec![info.revision], "the sessions of a tag, opened again")?;
    }
    again.clock.advance(5_000);
    again.is_gone(&id, "opened again, after its time").await
}

pub(super) async fn C9_a_revision_never_comes_back_after_reopening(trial: Trial<'_>) -> Outcome {
    let mut storage = trial.open().await?;
    let id = new_id()?;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..5 {
        for _ in 0..3 {
            let revision = storage.put(&id, b"content", WriteOptions::new()).await?;
            check(seen.insert(revision), "a revision came back after reopening")?;
        }
        storage.invalidate(&id).await?;
        storage.close().await?;
        storage = trial.open_again(&storage).await?;
    }
    Ok(())
}

pub(super) async fn C9_what_is_written_on_one_side_is_read_on_the_other(trial: Trial<'_>) -> Outcome {
    let here = trial.open().await?;
    let there = trial.open_again(&here).await?;
    let id = new_id()?;
    there.is_gone(&id, "on the other side, before the write").await?;
    for (seed, (from, to)) in (0..).zip([(&here, &there), (&there, &here), (&here, &there)]) {
        let content = pattern(LARGE / 2, seed);
        from.put(&id, &content, WriteOptions::new()).await?;
        to.holds(&id, &content, "on the other side").await?;
        equal(to.info_of(&id).await?, from.info_of(&id).await?, "what is known on the other side")?;
    }
    equal(there.touch(&id).await?, true, "a touch on the other side")?;
    equal(there.invalidate(&id).await?, true, "invalidate on the other side")?;
    here.is_gone(&id, "on this side, after invalidate on the other").await?;
    if here.capabilities().tags {
        here.put(&id, b"content", tags(["ada"])?).await?;
        equal(there.invalidate_tagged("ada").await?, 1, "invalidate_tagged on the other side")?;
        here.is_gone(&id, "on this side, after invalidate_tagged on the other").await?;
    }
    Ok(())
}
