//! One case at work: its storages, its clock, and the calls that most cases make.

use std::{
    ops::Deref,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};

use super::{
    broken::{Broken, Outcome, check, equal, same_bytes},
    harness::{Harness, Setup},
};
use crate::{
    channel::SessionWriter,
    clock::{Clock, ManualClock, Timestamp},
    error::{Error, ErrorKind},
    expiry::Timeout,
    id::SessionId,
    memory::WhenFull,
    session::{Revision, SessionInfo, Tags, WriteOptions},
    storage::SessionStorage,
};

/// Larger than what any medium is likely to hand over in one piece.
pub(super) const LARGE: usize = 600 * 1024;

/// What a case runs with.
#[derive(Clone, Copy)]
pub(super) struct Trial<'a> {
    pub(super) harness: &'a dyn Harness,
}

impl Trial<'_> {
    /// A storage with nothing in it and no limits.
    pub(super) async fn open(self) -> Result<Subject, Broken> {
        self.open_with(|_| {}).await
    }

    pub(super) async fn open_with(self, change: impl FnOnce(&mut Setup)) -> Result<Subject, Broken> {
        static MEDIA: AtomicU64 = AtomicU64::new(1);
        let clock = Arc::new(TrialClock::default());
        let mut setup = Setup {
            medium: MEDIA.fetch_add(1, Ordering::Relaxed),
            clock: Arc::<TrialClock>::clone(&clock),
            idle: Timeout::Never,
            absolute: Timeout::Never,
            max_session_bytes: None,
            max_bytes: None,
            max_sessions: None,
            when_full: WhenFull::Evict,
        };
        change(&mut setup);
        let storage = self.harness.open(setup.clone()).await?;
        Ok(Subject { storage, clock, setup })
    }

    /// Another storage over the same sessions, with the same clock.
    pub(super) async fn open_again(self, first: &Subject) -> Result<Subject, Broken> {
        let storage = self.harness.open(first.setup.clone()).await?;
        Ok(Subject { storage, clock: Arc::clone(&first.clock), setup: first.setup.clone() })
    }
}

/// A storage under trial.
pub(super) struct Subject {
    pub(super) storage: Arc<dyn SessionStorage>,
    pub(super) clock: Arc<TrialClock>,
    pub(super) setup: Setup,
}

impl Deref for Subject {
    type Target = Arc<dyn SessionStorage>;

    fn deref(&self) -> &Self::Target {
        &self.storage
    }
}

impl Subject {
    /// Writes a session through its channel.
    pub(super) async fn put(
        &self,
        id: &SessionId,
        content: &[u8],
        options: WriteOptions,
    ) -> Result<Revision, Error> {
        Ok(self.begun(id, content, options).await?.commit().await?.revision)
    }

    /// A write that has everything but its commit.
    pub(super) async fn begun(
        &self,
        id: &SessionId,
        content: &[u8],
        options: WriteOptions,
    ) -> Result<SessionWriter, Error> {
        let mut writer = self.begin(id, options).await?;
        writer.write_all(content).await?;
        Ok(writer)
    }

    /// Writes a whole session at once.
    pub(super) async fn set_whole(
        &self,
        id: &SessionId,
        content: &[u8],
        options: WriteOptions,
    ) -> Result<Revision, Error> {
        Ok(self.set(id, Bytes::copy_from_slice(content), options).await?.revision)
    }

    /// The content, read in every way that there is; all must agree.
    pub(super) async fn content(&self, id: &SessionId) -> Result<Option<Vec<u8>>, Broken> {
        let info = self.info(id).await?;
        let whole = self.get(id).await?;
        let reader = self.open(id).await?;
        let (Some(info), Some((whole, whole_info)), Some(mut reader)) = (&info, &whole, reader) else {
            let message = "info, get and open do not agree on whether there is a session";
            return check(info.is_none() && whole.is_none(), message).map(|()| None);
        };
        equal(whole_info, info, "the info of get")?;
        equal(reader.info(), info, "the info of a reader")?;
        let mut streamed = Vec::new();
        reader.read_to_end(&mut streamed).await?;
        same_bytes(&streamed, whole, "what a reader read, beside what get gave,")?;
        if let Some(length) = info.byte_length {
            equal(length, streamed.len() as u64, "the byte length")?;
        }
        Ok(Some(streamed))
    }

    /// The session is there, with this content.
    pub(super) async fn holds(&self, id: &SessionId, expected: &[u8], when: &str) -> Outcome {
        match self.content(id).await? {
            Some(content) => same_bytes(&content, expected, &format!("{when}, the session")),
            None => Err(Broken::new(format!("{when}, the session is missing"))),
        }
    }

    /// There is no session.
    pub(super) async fn is_gone(&self, id: &SessionId, when: &str) -> Outcome {
        match self.content(id).await? {
            Some(_) => Err(Broken::new(format!("{when}, the session is there"))),
            None => Ok(()),
        }
    }

    /// What is known of a session that must be there.
    pub(super) async fn info_of(&self, id: &SessionId) -> Result<SessionInfo, Broken> {
        self.info(id).await?.ok_or_else(|| Broken::new("the session is missing"))
    }

    /// A session that is as it was before.
    pub(super) async fn is_as_it_was(
        &self,
        id: &SessionId,
        content: &[u8],
        info: &SessionInfo,
        when: &str,
    ) -> Outcome {
        self.holds(id, content, when).await?;
        equal(&self.info_of(id).await?, info, &format!("{when}, what is known of it"))
    }

    pub(super) async fn tagged(&self, tag: &str) -> Result<Vec<Revision>, Broken> {
        let sessions = self.list_tagged(tag).await?;
        let mut revisions: Vec<_> = sessions.into_iter().map(|info| info.revision).collect();
        revisions.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(revisions)
    }
}

/// The clock of a trial. It stands still unless it is moved.
#[derive(Debug, Default)]
pub(super) struct TrialClock {
    hands: ManualClock,
    broken: AtomicBool,
    /// A storage that it calls whenever it is asked; not kept alive by it.
    calls: std::sync::Mutex<Option<(Weak<dyn SessionStorage>, SessionId)>>,
}

impl TrialClock {
    pub(super) fn advance(&self, millis: u64) {
        self.hands.advance(Duration::from_millis(millis));
    }

    pub(super) fn back(&self, millis: u64) {
        let now = self.millis();
        self.set(now.saturating_sub(millis));
    }

    pub(super) fn set(&self, millis: u64) {
        self.hands.set(Timestamp::from_millis(millis));
    }

    pub(super) fn millis(&self) -> u64 {
        self.hands.now().map_or(0, Timestamp::as_millis)
    }

    pub(super) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// From now on the clock uses the storage that asks it.
    pub(super) fn call(&self, storage: &Arc<dyn SessionStorage>, id: &SessionId) {
        if let Ok(mut calls) = self.calls.lock() {
            *calls = Some((Arc::downgrade(storage), id.clone()));
        }
    }
}

impl Clock for TrialClock {
    fn now(&self) -> Result<Timestamp, Error> {
        // Taken, so that the storage's own question to the clock ends here.
        let call = self.calls.lock().ok().and_then(|mut calls| calls.take());
        if let Some((storage, id)) = call {
            if let Some(storage) = storage.upgrade() {
                let mut task = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = storage.info(&id).as_mut().poll(&mut task);
            }
            if let Ok(mut calls) = self.calls.lock() {
                *calls = Some((storage, id));
            }
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Storage, "the clock has stopped"));
        }
        self.hands.now()
    }
}

/// An id that no other case uses.
pub(super) fn new_id() -> Result<SessionId, Broken> {
    Ok(SessionId::generate()?)
}

pub(super) fn tags<const N: usize>(tags: [&str; N]) -> Result<WriteOptions, Broken> {
    Ok(WriteOptions::new().tags(Tags::new(tags)?))
}

pub(super) fn idle(millis: u64) -> WriteOptions {
    WriteOptions::new().idle_timeout(Duration::from_millis(millis))
}

pub(super) fn absolute(millis: u64) -> WriteOptions {
    WriteOptions::new().absolute_timeout(Duration::from_millis(millis))
}

/// Bytes that differ by seed and at every place.
pub(super) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
