//! C11: no poison.

use futures::{
    AsyncReadExt, AsyncWriteExt,
    channel::oneshot,
    future::{join, join_all},
};

use super::{
    broken::{Broken, Outcome, check, equal, fails},
    schedule::staggered,
    trial::{LARGE, Subject, Trial, idle, new_id, pattern},
};
use crate::{
    error::{Error, ErrorKind, Failure},
    id::SessionId,
    maybe_send::BoxFuture,
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

/// Everything that can be called, on the session of the call that it is made from and on another.
async fn use_everything(storage: &Subject, own: &SessionId) -> Outcome {
    let other = new_id()?;
    for id in [own, &other] {
        storage.info(id).await?;
        storage.get(id).await?;
        drop(storage.open(id).await?);
        storage.touch(id).await?;
        drop(storage.begin(id, WriteOptions::new()).await?);
    }
    storage.put(&other, b"inside", WriteOptions::new()).await?;
    storage.holds(&other, b"inside", "from within another call").await?;
    equal(storage.invalidate(&other).await?, true, "invalidate from within another call")?;
    storage.sweep().await?;
    if storage.capabilities().tags {
        storage.list_tagged("ada").await?;
        storage.invalidate_tagged("ada").await?;
    }
    Ok(())
}

fn flatten<T>(result: Result<T, Failure<Broken>>) -> Result<T, Broken> {
    result.map_err(|failure| match failure {
        Failure::Storage(error) => error.into(),
        Failure::Callback(broken) => broken,
    })
}

pub(super) async fn C11_a_provider_may_use_the_storage(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"old", WriteOptions::new()).await?;
    let write = storage.write(&id, WriteOptions::new(), async |channel| {
        use_everything(&storage, &id).await?;
        channel.write_all(b"ou").await?;
        use_everything(&storage, &id).await?;
        // Its own session, too: the last commit counts.
        storage.put(&id, b"inner", WriteOptions::new()).await?;
        storage.holds(&id, b"inner", "from within its own write").await?;
        channel.write_all(b"ter").await?;
        Ok(())
    });
    flatten(write.await)?;
    storage.holds(&id, b"outer", "after a provider that used the storage").await
}

pub(super) async fn C11_a_consumer_may_use_the_storage(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE, 1);
    storage.put(&id, &content, WriteOptions::new()).await?;
    let read = storage.read(&id, async |channel| {
        let mut head = vec![0; 1_000];
        channel.read_exact(&mut head).await?;
        use_everything(&storage, &id).await?;
        storage.put(&id, b"inner", WriteOptions::new()).await?;
        equal(storage.invalidate(&id).await?, true, "invalidate from within a read")?;
        channel.read_to_end(&mut head).await?;
        check(head == content, "a consumer that used the storage read something else")
    });
    flatten(read.await)?;
    storage.is_gone(&id, "after its consumer invalidated it").await
}

fn nested<'a>(storage: &'a Subject, id: &'a SessionId, depth: u8) -> BoxFuture<'a, Outcome> {
    Box::pin(async move {
        if depth == 0 {
            return Ok(());
        }
        let write = storage.write(id, WriteOptions::new(), async |channel| {
            channel.write_all(&[depth]).await?;
            nested(storage, id, depth - 1).await
        });
        flatten(write.await)?;
        let read = storage.read(id, async |channel| {
            let mut content = Vec::new();
            channel.read_to_end(&mut content).await?;
            equal(content, vec![depth], "what a nested write left")
        });
        flatten(read.await)
    })
}

pub(super) async fn C11_reads_and_writes_may_be_nested_deeply(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    nested(&storage, &new_id()?, 12).await
}

pub(super) async fn C11_a_slow_session_does_not_hold_up_another(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (slow, slow_read, quick) = (new_id()?, new_id()?, new_id()?);
    storage.put(&slow_read, b"content", WriteOptions::new()).await?;
    let (open_gate, gate) = oneshot::channel::<()>();
    let (open_other_gate, other_gate) = oneshot::channel::<()>();
    let write = storage.write(&slow, WriteOptions::new(), async |channel| {
        channel.write_all(b"sl").await?;
        gate.await.map_err(|_| Broken::new("the quick session failed"))?;
        channel.write_all(b"ow").await?;
        Ok(())
    });
    let read = storage
        .read(&slow_read, async |_| other_gate.await.map_err(|_| Broken::new("the quick session failed")));
    let others = async {
        for _ in 0..3 {
            use_everything(&storage, &quick).await?;
            // Also the slow ones themselves.
            use_everything(&storage, &slow_read).await?;
            storage.is_gone(&slow, "while it is being written").await?;
        }
        let gates = (open_gate.send(()), open_other_gate.send(()));
        equal(gates, (Ok(()), Ok(())), "whether the slow ones still waited")
    };
    let ((write, read), others) = join(join(write, read), others).await;
    others?;
    flatten(write)?;
    flatten(read)?;
    storage.holds(&slow, b"slow", "after a slow write").await
}

pub(super) async fn C11_many_calls_in_flight_at_once_all_end(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?, new_id()?];
    let contents: Vec<_> = (0..10).map(|seed| pattern(1_000 * usize::from(seed), seed)).collect();
    let calls = (0..300_usize).map(|number| {
        let (storage, id, contents) = (&storage, &ids[number % 3], &contents);
        async move {
            let content = &contents[number % 10];
            match number % 7 {
                1 => drop(storage.invalidate(id).await?),
                2 => drop(storage.touch(id).await?),
                3 => drop(storage.sweep().await?),
                4 => {
                    if let Some((content, _)) = storage.get(id).await? {
                        let whole = contents.iter().any(|whole| *whole == content);
                        check(whole, "a read amid other calls gave what nobody wrote")?;
                    }
                }
                _ => {
                    let write = if number % 7 == 0 {
                        storage.set_whole(id, content, idle(5_000)).await
                    } else {
                        storage.put(id, content, WriteOptions::new()).await
                    };
                    // An invalidate may have come between its beginning and its end.
                    if let Err(error) = write {
                        equal(error.kind(), ErrorKind::Conflict, "the error of a write")?;
                    }
                }
            }
            Ok::<_, Broken>(())
        }
    });
    for call in join_all(calls).await {
        call?;
    }
    for id in &ids {
        storage.put(id, b"after", WriteOptions::new()).await?;
        storage.holds(id, b"after", "after many calls").await?;
    }
    Ok(())
}

pub(super) async fn C11_a_clock_that_fails_leaves_everything_as_it_was(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    storage.put(&id, b"content", idle(1_000)).await?;
    let info = storage.info_of(&id).await?;
    let waiting = storage.begun(&id, b"waiting", WriteOptions::new()).await?;
    storage.clock.break_down(true);
    for id in [&id, &new] {
        fails(storage.get(id).await, ErrorKind::Storage, "get without a clock")?;
        fails(storage.open(id).await, ErrorKind::Storage, "open without a clock")?;
        fails(storage.info(id).await, ErrorKind::Storage, "info without a clock")?;
        fails(storage.touch(id).await, ErrorKind::Storage, "touch without a clock")?;
        let write = storage.put(id, b"changed", WriteOptions::new()).await;
        fails(write, ErrorKind::Storage, "a write without a clock")?;
        let write = storage.set_whole(id, b"changed", WriteOptions::new()).await;
        fails(write, ErrorKind::Storage, "a write as a whole without a clock")?;
    }
    fails(waiting.commit().await, ErrorKind::Storage, "a commit without a clock")?;
    storage.clock.break_down(false);
    storage.is_as_it_was(&id, b"content", &info, "after the clock failed").await?;
    storage.is_gone(&new, "after the clock failed").await?;
    storage.put(&new, b"content", WriteOptions::new()).await?;
    storage.holds(&new, b"content", "after the clock failed").await
}

pub(super) async fn C11_a_clock_may_use_the_storage(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"old", WriteOptions::new()).await?;
    storage.clock.call(&storage.storage, &id);
    use_everything(&storage, &id).await?;
    storage.put(&id, b"new", WriteOptions::new()).await?;
    storage.holds(&id, b"new", "with a clock that uses the storage").await
}

pub(super) async fn C11_a_clock_at_either_end_of_time_loses_nothing(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (early, late, timed) = (new_id()?, new_id()?, new_id()?);
    storage.clock.set(0);
    storage.put(&early, b"early", WriteOptions::new()).await?;
    // The last moment that every calendar in use can name.
    storage.clock.set(8_640_000_000_000_000);
    storage.put(&late, b"late", WriteOptions::new()).await?;
    storage.put(&timed, b"timed", idle(1_000)).await?;
    storage.touch(&early).await?;
    for time in [8_640_000_000_000_000, 0] {
        storage.clock.set(time);
        storage.holds(&early, b"early", "at either end of time").await?;
        storage.holds(&late, b"late", "at either end of time").await?;
        storage.holds(&timed, b"timed", "at either end of time").await?;
    }
    Ok(())
}

pub(super) async fn C11_after_close_every_call_is_refused(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    storage.put(&id, b"content", WriteOptions::new()).await?;
    let waiting = storage.begun(&id, b"waiting", WriteOptions::new()).await?;
    let given_up = storage.begun(&new, b"given up", WriteOptions::new()).await?;
    storage.close().await?;
    storage.close().await?;
    fails(waiting.commit().await, ErrorKind::Closed, "a commit after close")?;
    drop(given_up);
    for id in [&id, &new] {
        fails(storage.get(id).await, ErrorKind::Closed, "get after close")?;
        fails(storage.open(id).await, ErrorKind::Closed, "open after close")?;
        fails(storage.info(id).await, ErrorKind::Closed, "info after close")?;
        fails(storage.touch(id).await, ErrorKind::Closed, "touch after close")?;
        fails(storage.invalidate(id).await, ErrorKind::Closed, "invalidate after close")?;
        fails(storage.begin(id, WriteOptions::new()).await, ErrorKind::Closed, "begin after close")?;
        let whole = storage.set_whole(id, b"changed", WriteOptions::new()).await;
        fails(whole, ErrorKind::Closed, "set after close")?;
    }
    fails(storage.sweep().await, ErrorKind::Closed, "sweep after close")?;
    if storage.capabilities().tags {
        fails(storage.list_tagged("ada").await, ErrorKind::Closed, "list_tagged after close")?;
        fails(storage.invalidate_tagged("ada").await, ErrorKind::Closed, "invalidate_tagged after close")?;
    }
    if trial.harness.bounds().storage {
        fails(storage.stats().await, ErrorKind::Closed, "stats after close")?;
    }
    Ok(())
}

pub(super) async fn C11_calls_in_flight_at_close_end(trial: Trial<'_>) -> Outcome {
    for head_start in 0..8 {
        let storage = trial.open().await?;
        let id = new_id()?;
        storage.put(&id, b"content", WriteOptions::new()).await?;
        let writer = storage.begun(&id, b"new", WriteOptions::new()).await?;
        let calls = join_all([storage.touch(&id), storage.invalidate(&id), storage.touch(&new_id()?)]).await;
        drop(calls);
        let (commit, close) = staggered(head_start, writer.commit(), storage.close()).await;
        close?;
        if let Err(error) = commit {
            let kind = error.kind();
            check(
                matches!(kind, ErrorKind::Closed | ErrorKind::Conflict),
                format!("a commit at once with close failed as {kind:?}"),
            )?;
        }
        fails(storage.get(&id).await, ErrorKind::Closed, "get after close")?;
    }
    Ok(())
}

pub(super) async fn C11_a_failure_of_one_call_does_not_fail_the_next(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    for round in 0..10 {
        let write = storage.write(&id, WriteOptions::new(), async |channel| {
            channel.write_all(b"lost").await.map_err(Error::from)?;
            Err::<(), _>(Error::new(ErrorKind::Storage, "no"))
        });
        check(write.await.is_err(), "a write whose provider failed succeeded")?;
        let zero = WriteOptions::new().idle_timeout(std::time::Duration::ZERO);
        check(storage.set_whole(&id, b"lost", zero).await.is_err(), "a timeout of zero was taken")?;
        storage.put(&id, &[round], WriteOptions::new()).await?;
        let read = storage.read(&id, async |_| Err::<(), _>(Error::new(ErrorKind::Storage, "no")));
        check(read.await.is_err(), "a read whose consumer failed succeeded")?;
        storage.holds(&id, &[round], "between failures").await?;
    }
    Ok(())
}
