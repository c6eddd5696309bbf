//! C6: the storage owns the channel.

use futures::{AsyncReadExt, AsyncWriteExt, future::join_all};

use super::{
    broken::{Broken, Outcome, check, equal},
    trial::{LARGE, Trial, new_id, pattern},
};
use crate::{
    error::{Error, ErrorKind},
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

pub(super) async fn C6_a_provider_need_not_close_its_channel(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for length in [0, 1, LARGE] {
        let id = new_id()?;
        let content = pattern(length, 1);
        let write = storage.write(&id, WriteOptions::new(), async |channel| {
            channel.write_all(&content).await?;
            Ok::<_, Error>(())
        });
        write.await?;
        storage.holds(&id, &content, "after a provider that did not close").await?;
    }
    Ok(())
}

pub(super) async fn C6_a_provider_may_close_its_channel_and_no_more_is_taken(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let write = storage.write(&id, WriteOptions::new(), async |channel| {
        channel.write_all(b"content").await?;
        channel.close().await?;
        channel.close().await?;
        let Err(error) = channel.write_all(b"more").await else {
            return Err(Broken::new("a closed channel took more bytes"));
        };
        equal(Error::from(error).kind(), ErrorKind::Closed, "the error of a closed channel")
    });
    match write.await {
        Ok(_) => storage.holds(&id, b"content", "after a write to a closed channel").await,
        Err(crate::Failure::Callback(broken)) => Err(broken),
        Err(crate::Failure::Storage(error)) => Err(error.into()),
    }
}

pub(super) async fn C6_a_consumer_may_stop_early(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE, 1);
    storage.put(&id, &content, WriteOptions::new()).await?;
    // Often enough that handles which are not given back run out.
    for round in 0..300 {
        let read = storage.read(&id, async |channel| {
            let mut head = vec![0; 100 * (round % 3)];
            channel.read_exact(&mut head).await?;
            Ok::<_, Error>(head)
        });
        let head = read.await?;
        check(content.starts_with(&head), "a consumer that stopped early read something else")?;
    }
    storage.put(&id, b"new", WriteOptions::new()).await?;
    storage.holds(&id, b"new", "after consumers stopped early").await?;
    equal(storage.invalidate(&id).await?, true, "invalidate after consumers stopped early")
}

pub(super) async fn C6_writers_given_up_hold_nothing_back(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE / 4, 1);
    for round in 0..300 {
        let mut writer = storage.begin(&id, WriteOptions::new()).await?;
        writer.write_all(&content[..content.len() * (round % 3) / 2]).await?;
    }
    storage.is_gone(&id, "after writers were given up").await?;
    if let Ok(stats) = storage.stats().await {
        equal((stats.sessions, stats.bytes), (0, 0), "the number of sessions and bytes held")?;
    }
    storage.put(&id, &content, WriteOptions::new()).await?;
    storage.holds(&id, &content, "after writers were given up").await
}

pub(super) async fn C6_a_channel_left_open_holds_up_nobody(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE, 1);
    storage.put(&id, &content, WriteOptions::new()).await?;
    let mut reader = storage.open(&id).await?.ok_or_else(|| Broken::new("the session is missing"))?;
    reader.read_exact(&mut [0; 10]).await?;
    let writer = storage.begun(&id, &content, WriteOptions::new()).await?;
    storage.put(&id, b"new", WriteOptions::new()).await?;
    storage.holds(&id, b"new", "beside open channels").await?;
    equal(storage.touch(&id).await?, true, "a touch beside open channels")?;
    equal(storage.invalidate(&id).await?, true, "invalidate beside open channels")?;
    storage.sweep().await?;
    drop((reader, writer));
    storage.is_gone(&id, "after open channels were dropped").await
}

pub(super) async fn C6_content_passes_byte_for_byte_in_chunks_of_any_size(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let texts =
        ["", "\n", "a\r\nb\n", "\0", "né — 語 🦀\u{feff}", "\"}]"].map(|text| text.as_bytes().to_vec());
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    for content in texts.into_iter().chain([all_bytes, pattern(5_000, 9)]) {
        for chunk in [1, 3, 4_096] {
            let id = new_id()?;
            let write = storage.write(&id, WriteOptions::new(), async |channel| {
                for piece in content.chunks(chunk) {
                    channel.write_all(b"").await?;
                    channel.write_all(piece).await?;
                }
                Ok::<_, Error>(())
            });
            write.await?;
            storage.holds(&id, &content, &format!("in chunks of {chunk}")).await?;
            storage.set_whole(&id, &content, WriteOptions::new()).await?;
            storage.holds(&id, &content, "as a whole").await?;
        }
    }
    let id = new_id()?;
    let large = pattern(3 * 1024 * 1024 + 1, 7);
    storage.put(&id, &large, WriteOptions::new()).await?;
    storage.holds(&id, &large, "3 MiB in one chunk").await?;
    let mut writer = storage.begin(&id, WriteOptions::new()).await?;
    for piece in large.chunks(65_521) {
        writer.write_all(piece).await?;
    }
    writer.commit().await?;
    storage.holds(&id, &large, "3 MiB in odd chunks").await
}

pub(super) async fn C6_a_channel_read_to_its_end_stays_ended(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for length in [0, 100, LARGE] {
        let id = new_id()?;
        storage.put(&id, &pattern(length, 1), WriteOptions::new()).await?;
        let mut reader = storage.open(&id).await?.ok_or_else(|| Broken::new("the session is missing"))?;
        let mut content = Vec::new();
        reader.read_to_end(&mut content).await?;
        storage.put(&id, &pattern(length * 2, 2), WriteOptions::new()).await?;
        for _ in 0..3 {
            equal(reader.read(&mut [0; 10]).await?, 0, "the bytes read past the end")?;
        }
    }
    Ok(())
}

pub(super) async fn C6_a_channel_may_move_between_tasks(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let mut writer = storage.begin(&id, WriteOptions::new()).await?;
    let mut expected = Vec::new();
    for seed in 0..4 {
        let piece = pattern(1_000, seed);
        expected.extend_from_slice(&piece);
        let step = async move {
            writer.write_all(&piece).await?;
            Ok::<_, Broken>(writer)
        };
        let mut steps = join_all([step]).await;
        writer = steps.remove(0)?;
    }
    writer.commit().await?;
    storage.holds(&id, &expected, "written by several tasks").await
}
