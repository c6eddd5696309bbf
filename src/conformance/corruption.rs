//! C12: corruption is contained.

use super::{
    broken::{Broken, Outcome, check, equal, fails},
    harness::Damage,
    trial::{Subject, Trial, new_id, pattern},
};
use crate::{
    error::{Error, ErrorKind, Failure},
    id::SessionId,
    session::WriteOptions,
    storage::{SessionStorage, SessionStorageExt},
};

const DAMAGES: [(&str, Damage); 8] = [
    ("whose first bit flipped", |record| flip(record, 0, 1)),
    ("whose middle flipped a bit", |record| flip(record, 1, 2)),
    ("whose last bit flipped", |record| flip(record, 1, 1)),
    ("of no bytes", Vec::clear),
    ("cut in half", |record| record.truncate(record.len() / 2)),
    ("cut by a byte", |record| record.truncate(record.len() - 1)),
    ("grown by a byte", |record| record.push(0)),
    ("of zeros", |record| record.fill(0)),
];

/// Flips a bit of the byte at this part of the record.
fn flip(record: &mut [u8], part: usize, of: usize) {
    let last = record.len().saturating_sub(1);
    if let Some(byte) = record.get_mut(last * part / of) {
        *byte ^= 1;
    }
}

/// A storage of three sessions, the middle one damaged.
async fn damaged(trial: Trial<'_>, damage: Damage) -> Result<(Subject, [SessionId; 3]), Broken> {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?, new_id()?];
    for (seed, id) in (0..).zip(&ids) {
        storage.put(id, &pattern(2_000, seed), WriteOptions::new()).await?;
    }
    trial.harness.damage(storage.setup.medium, &ids[1], damage).await?;
    Ok((storage, ids))
}

async fn others_are_whole(storage: &Subject, ids: &[SessionId; 3], which: &str) -> Outcome {
    storage.holds(&ids[0], &pattern(2_000, 0), &format!("beside a record {which}")).await?;
    storage.holds(&ids[2], &pattern(2_000, 2), &format!("beside a record {which}")).await
}

pub(super) async fn C12_a_damaged_record_is_told_from_a_missing_one(trial: Trial<'_>) -> Outcome {
    for (which, damage) in DAMAGES {
        for way in 0..4 {
            let (storage, ids) = damaged(trial, damage).await?;
            let id = &ids[1];
            // The first to meet it is told; it may be put away then, so each way gets its own.
            let kind = match way {
                0 => storage.get(id).await.err().map(|error| error.kind()),
                1 => storage.open(id).await.err().map(|error| error.kind()),
                2 => storage.info(id).await.err().map(|error| error.kind()),
                _ => match storage.read(id, async |_| Ok::<_, Error>(())).await {
                    Err(Failure::Storage(error)) => Some(error.kind()),
                    Ok(()) | Err(Failure::Callback(_)) => None,
                },
            };
            equal(kind, Some(ErrorKind::Corrupt), &format!("what is said of a record {which}"))?;
            match storage.get(id).await {
                Ok(None) => {}
                again => fails(again, ErrorKind::Corrupt, &format!("the next get of a record {which}"))?,
            }
            others_are_whole(&storage, &ids, which).await?;
        }
    }
    Ok(())
}

pub(super) async fn C12_a_damaged_record_can_be_replaced(trial: Trial<'_>) -> Outcome {
    for (which, damage) in DAMAGES {
        let (storage, ids) = damaged(trial, damage).await?;
        storage.put(&ids[1], b"new", WriteOptions::new()).await?;
        storage.holds(&ids[1], b"new", &format!("in place of a record {which}")).await?;
        others_are_whole(&storage, &ids, which).await?;
    }
    Ok(())
}

pub(super) async fn C12_a_damaged_record_can_be_invalidated(trial: Trial<'_>) -> Outcome {
    for (which, damage) in DAMAGES {
        let (storage, ids) = damaged(trial, damage).await?;
        storage.invalidate(&ids[1]).await?;
        storage.is_gone(&ids[1], &format!("after a record {which} was invalidated")).await?;
        equal(storage.invalidate(&ids[1]).await?, false, "a second invalidate")?;
        others_are_whole(&storage, &ids, which).await?;
    }
    Ok(())
}

pub(super) async fn C12_a_damaged_record_is_not_made_whole_by_a_touch(trial: Trial<'_>) -> Outcome {
    for (which, damage) in DAMAGES {
        let (storage, ids) = damaged(trial, damage).await?;
        match storage.touch(&ids[1]).await {
            Err(error) => equal(error.kind(), ErrorKind::Corrupt, "the error of a touch")?,
            Ok(there) => check(!there, format!("a touch took a record {which} for a session"))?,
        }
        check(!matches!(storage.get(&ids[1]).await, Ok(Some(_))), "a touch made a damaged record readable")?;
        others_are_whole(&storage, &ids, which).await?;
    }
    Ok(())
}

pub(super) async fn C12_a_damaged_record_does_not_stop_the_sweep(trial: Trial<'_>) -> Outcome {
    for (which, damage) in DAMAGES {
        let (storage, ids) = damaged(trial, damage).await?;
        storage.sweep().await?;
        others_are_whole(&storage, &ids, which).await?;
    }
    Ok(())
}
