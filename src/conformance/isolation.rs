//! C2: one revision per read.

use futures::{AsyncReadExt, future::join_all};

use super::{
    broken::{Broken, Outcome, equal, same_bytes},
    schedule::{staggered, step_aside},
    trial::{LARGE, Subject, Trial, idle, new_id, pattern},
};
use crate::{channel::SessionReader, id::SessionId, session::WriteOptions, storage::SessionStorage};

/// One that fits one piece, and one that does not.
const LENGTHS: [usize; 2] = [1_000, LARGE];

async fn rest(mut reader: SessionReader) -> Result<Vec<u8>, Broken> {
    let mut content = Vec::new();
    reader.read_to_end(&mut content).await?;
    Ok(content)
}

async fn reader(storage: &Subject, id: &SessionId) -> Result<SessionReader, Broken> {
    storage.open(id).await?.ok_or_else(|| Broken::new("the session is missing"))
}

/// Two readers of one session, one of which has read its first bytes.
struct Readers {
    fresh: SessionReader,
    begun: SessionReader,
    head: Vec<u8>,
}

impl Readers {
    async fn of(storage: &Subject, id: &SessionId) -> Result<Self, Broken> {
        let (fresh, mut begun) = (reader(storage, id).await?, reader(storage, id).await?);
        let mut head = vec![0; 100];
        begun.read_exact(&mut head).await?;
        Ok(Self { fresh, begun, head })
    }

    async fn have(self, content: &[u8], when: &str) -> Outcome {
        let whole = rest(self.fresh).await?;
        same_bytes(&whole, content, &format!("{when}, a reader that had not begun"))?;
        let begun = [self.head, rest(self.begun).await?].concat();
        same_bytes(&begun, content, &format!("{when}, a reader that had begun"))
    }
}

pub(super) async fn C2_a_reader_keeps_its_revision_while_the_session_is_overwritten(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    for length in LENGTHS {
        for (seed, next) in (10..).zip([length, length / 2, length * 2, 0]) {
            for whole in [false, true] {
                let id = new_id()?;
                let (old, new) = (pattern(length, 1), pattern(next, seed));
                storage.put(&id, &old, WriteOptions::new()).await?;
                if whole {
                    storage.set_whole(&id, &old, WriteOptions::new()).await?;
                }
                let readers = Readers::of(&storage, &id).await?;
                let got = storage.get(&id).await?.ok_or_else(|| Broken::new("the session is missing"))?;
                if whole {
                    storage.set_whole(&id, &new, WriteOptions::new()).await?;
                } else {
                    storage.put(&id, &new, WriteOptions::new()).await?;
                }
                storage.holds(&id, &new, "after the overwrite").await?;
                readers.have(&old, "after the overwrite").await?;
                same_bytes(&got.0, &old, "after the overwrite, what get had given")?;
            }
        }
    }
    Ok(())
}

pub(super) async fn C2_a_reader_keeps_its_revision_while_the_session_is_invalidated(
    trial: Trial<'_>,
) -> Outcome {
    let storage = trial.open().await?;
    for length in LENGTHS {
        let id = new_id()?;
        let old = pattern(length, 1);
        storage.put(&id, &old, WriteOptions::new()).await?;
        let readers = Readers::of(&storage, &id).await?;
        storage.invalidate(&id).await?;
        storage.is_gone(&id, "after invalidate").await?;
        // Made anew, so that whatever the old one used is used again.
        storage.put(&id, &pattern(length, 2), WriteOptions::new()).await?;
        readers.have(&old, "after invalidate").await?;
    }
    Ok(())
}

pub(super) async fn C2_a_reader_keeps_its_revision_while_the_session_expires(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for length in LENGTHS {
        let id = new_id()?;
        let old = pattern(length, 1);
        storage.put(&id, &old, idle(1_000)).await?;
        let readers = Readers::of(&storage, &id).await?;
        storage.clock.advance(1_000);
        storage.is_gone(&id, "after its time").await?;
        storage.sweep().await?;
        readers.have(&old, "after the session expired").await?;
    }
    Ok(())
}

pub(super) async fn C2_a_reader_keeps_its_revision_while_the_session_is_evicted(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_sessions = Some(1)).await?;
    for length in LENGTHS {
        let id = new_id()?;
        let old = pattern(length, 1);
        storage.put(&id, &old, WriteOptions::new()).await?;
        let readers = Readers::of(&storage, &id).await?;
        storage.put(&new_id()?, &pattern(length, 2), WriteOptions::new()).await?;
        storage.is_gone(&id, "after another took its place").await?;
        readers.have(&old, "after the session was evicted").await?;
    }
    Ok(())
}

pub(super) async fn C2_the_info_belongs_to_the_content(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let (old, new) = (pattern(LARGE, 1), pattern(LARGE / 3, 2));
    for head_start in 0..12 {
        let old_revision = storage.put(&id, &old, WriteOptions::new()).await?;
        let writer = storage.begun(&id, &new, WriteOptions::new()).await?;
        let read = async {
            let reader = reader(&storage, &id).await?;
            let info = reader.info().clone();
            Ok::<_, Broken>((rest(reader).await?, info))
        };
        let (read, new_revision) = if head_start % 2 == 0 {
            staggered(head_start / 2, read, writer.commit()).await
        } else {
            let (commit, read) = staggered(head_start / 2, writer.commit(), read).await;
            (read, commit)
        };
        let ((content, info), new_revision) = (read?, new_revision?.revision);
        let expected = if info.revision == old_revision { &old } else { &new };
        same_bytes(&content, expected, "the content that was read beside its revision")?;
        if info.revision != old_revision {
            equal(&info.revision, &new_revision, "the revision read during a commit")?;
        }
        if let Some(length) = info.byte_length {
            equal(length, expected.len() as u64, "the byte length read during a commit")?;
        }
    }
    Ok(())
}

pub(super) async fn C2_readers_at_once_do_not_disturb_each_other(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let content = pattern(LARGE, 1);
    storage.put(&id, &content, WriteOptions::new()).await?;
    let reads = (1..8_usize).map(|step| {
        let (storage, id) = (&storage, &id);
        async move {
            let mut reader = reader(storage, id).await?;
            let (mut all, mut piece) = (Vec::new(), vec![0; step * 7_919]);
            loop {
                match reader.read(&mut piece).await? {
                    0 => return Ok::<_, Broken>(all),
                    count => all.extend_from_slice(&piece[..count]),
                }
                step_aside().await;
            }
        }
    });
    for read in join_all(reads).await {
        same_bytes(&read?, &content, "what one of many readers read")?;
    }
    Ok(())
}
