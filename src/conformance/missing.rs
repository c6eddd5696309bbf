//! C3: missing is a clear answer.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::AsyncReadExt;

use super::{
    broken::{Broken, Outcome, check, equal},
    trial::{Subject, Trial, idle, new_id},
};
use crate::{
    error::{Error, ErrorKind, Failure},
    id::SessionId,
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

async fn is_not_found(storage: &Subject, id: &SessionId, which: &str) -> Outcome {
    let called = AtomicBool::new(false);
    let result = storage
        .read(id, async |_| {
            called.store(true, Ordering::SeqCst);
            Ok::<_, Error>(())
        })
        .await;
    match result {
        Err(Failure::Storage(error)) => equal(error.kind(), ErrorKind::NotFound, which)?,
        other => return Err(Broken::new(format!("reading {which} gave {other:?}"))),
    }
    check(!called.load(Ordering::SeqCst), format!("the consumer of {which} was called"))?;
    storage.is_gone(id, which).await?;
    equal(storage.touch(id).await?, false, &format!("the touch of {which}"))?;
    equal(storage.invalidate(id).await?, false, &format!("the invalidate of {which}"))
}

pub(super) async fn C3_a_session_never_written_is_not_found_and_no_consumer_is_called(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    is_not_found(&storage, &id, "a session never written").await?;
    storage.put(&new_id()?, b"another", WriteOptions::new()).await?;
    is_not_found(&storage, &id, "a session never written, beside another").await
}

pub(super) async fn C3_an_invalidated_session_is_not_found(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", WriteOptions::new()).await?;
    storage.invalidate(&id).await?;
    is_not_found(&storage, &id, "an invalidated session").await
}

pub(super) async fn C3_an_expired_session_is_not_found(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", idle(1_000)).await?;
    storage.clock.advance(1_000);
    is_not_found(&storage, &id, "an expired session").await
}

pub(super) async fn C3_an_empty_session_is_a_session(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (streamed, whole) = (new_id()?, new_id()?);
    storage.write(&streamed, WriteOptions::new(), async |_| Ok::<_, Error>(())).await?;
    storage.set_whole(&whole, b"", WriteOptions::new()).await?;
    for id in [&streamed, &whole] {
        storage.holds(id, b"", "after a write of nothing").await?;
        equal(storage.touch(id).await?, true, "the touch of an empty session")?;
        equal(storage.invalidate(id).await?, true, "the invalidate of an empty session")?;
        storage.is_gone(id, "after invalidate").await?;
    }
    Ok(())
}

pub(super) async fn C3_a_consumer_gets_its_answer_back(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let revision = storage.put(&id, b"content", WriteOptions::new()).await?;
    let answer = storage
        .read(&id, async |channel| {
            let mut text = String::new();
            channel.read_to_string(&mut text).await?;
            Ok::<_, Error>((text, channel.info().revision.clone()))
        })
        .await?;
    equal(answer, ("content".to_owned(), revision), "the consumer's answer")
}

pub(super) async fn C3_a_not_found_of_the_consumer_is_told_from_the_storages_own(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"content", WriteOptions::new()).await?;
    let result =
        storage.read(&id, async |_| Err::<(), _>(Error::new(ErrorKind::NotFound, "no such page"))).await;
    match result {
        Err(Failure::Callback(error)) => equal(error.to_string(), "no such page".to_owned(), "the message"),
        other => Err(Broken::new(format!("a consumer's own NotFound came back as {other:?}"))),
    }?;
    storage.holds(&id, b"content", "after the consumer failed").await
}

pub(super) async fn C3_reading_creates_nothing(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let count = storage.stats().await.map(|stats| (stats.sessions, stats.bytes)).ok();
    for _ in 0..3 {
        is_not_found(&storage, &id, "a session never written").await?;
    }
    let after = storage.stats().await.map(|stats| (stats.sessions, stats.bytes)).ok();
    equal(after, count, "the number of sessions and bytes")?;
    if storage.capabilities().conditional {
        storage.put(&id, b"first", WriteOptions::new().if_absent()).await?;
    }
    Ok(())
}
