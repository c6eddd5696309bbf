//! The two ends of a flawed storage's channels.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt, FutureExt};
use sessile::{
    BoxFuture, Committed, Error, ErrorKind, IfRevision, Revision, SessionId, SessionWriter, StagedWrite,
    WriteOptions,
};

use crate::{
    core::{Core, failure},
    flaw::Flaw,
    subjects::step_aside,
};

type Guard = Option<smol::lock::MutexGuardArc<()>>;

/// More than anybody may have open at once.
const HANDLES: usize = 100;

pub(crate) struct FlawedReader {
    core: Arc<Core>,
    id: SessionId,
    content: Bytes,
    position: usize,
    holds: bool,
    _lock: Guard,
}

impl FlawedReader {
    pub(crate) fn new(core: &Arc<Core>, id: SessionId, content: Bytes, lock: Guard) -> Result<Self, Error> {
        let mut state = core.state();
        state.cursors.insert(id.as_str().to_owned(), 0);
        *state.readers.entry(id.as_str().to_owned()).or_default() += 1;
        if core.is(Flaw::ReadersHoldHandles) {
            state.handles += 1;
            if state.handles > HANDLES {
                return Err(failure("too many open readers"));
            }
        }
        drop(state);
        Ok(Self { core: Arc::clone(core), id, content, position: 0, holds: true, _lock: lock })
    }
}

impl Drop for FlawedReader {
    fn drop(&mut self) {
        let mut state = self.core.state();
        if let Some(readers) = state.readers.get_mut(self.id.as_str()) {
            *readers -= 1;
        }
    }
}

impl AsyncRead for FlawedReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match this.core.flaw {
            Flaw::ReadsWhatIsThereNow => {
                let now = this.core.inner.get(&this.id).now_or_never();
                this.content =
                    now.and_then(Result::ok).flatten().map(|(content, _)| content).unwrap_or_default();
            }
            Flaw::OneCursorForAllReaders => {
                this.position = this.core.state().cursors.get(this.id.as_str()).copied().unwrap_or(0);
            }
            Flaw::ReadersStartAgain if this.position >= this.content.len() && !this.holds => {
                this.position = 0;
            }
            _ => {}
        }
        // In small pieces, so that others come in between.
        let rest = this.content.get(this.position..).unwrap_or_default();
        let count = rest.len().min(buffer.len()).min(64 * 1024);
        buffer[..count].copy_from_slice(&rest[..count]);
        this.position += count;
        if count == 0 && this.holds {
            this.holds = false;
            let mut state = this.core.state();
            state.handles = state.handles.saturating_sub(1);
        }
        if this.core.is(Flaw::OneCursorForAllReaders) {
            this.core.state().cursors.insert(this.id.as_str().to_owned(), this.position);
        }
        Poll::Ready(Ok(count))
    }
}

pub(crate) struct FlawedWriter {
    core: Arc<Core>,
    id: SessionId,
    options: WriteOptions,
    condition: IfRevision,
    inner: Option<SessionWriter>,
    buffer: Vec<u8>,
    epoch: u64,
    closed: bool,
    committed: bool,
    lock: Guard,
}

impl FlawedWriter {
    pub(crate) fn new(
        core: &Arc<Core>,
        id: SessionId,
        options: WriteOptions,
        condition: IfRevision,
        inner: SessionWriter,
        lock: Guard,
    ) -> Result<Self, Error> {
        let mut state = core.state();
        let epoch = state.epoch;
        if core.is(Flaw::WritersHoldHandles) {
            state.handles += 1;
            if state.handles > HANDLES {
                return Err(failure("too many open writers"));
            }
        }
        drop(state);
        Ok(Self {
            core: Arc::clone(core),
            id,
            options,
            condition,
            inner: Some(inner),
            buffer: Vec::new(),
            epoch,
            closed: false,
            committed: false,
            lock,
        })
    }

    fn set_now(&self, content: Vec<u8>) {
        let _ = self.core.inner.set(&self.id, content.into(), self.options.clone()).now_or_never();
    }

    async fn publish(&mut self) -> Result<Revision, Error> {
        let core = Arc::clone(&self.core);
        core.check_open()?;
        self.committed = true;
        core.forget_cached(&self.id);
        let id = self.id.clone();
        let set = async |content: Vec<u8>| {
            let committed = core.inner.set(&id, content.into(), self.options.clone()).await?;
            Ok(committed.revision)
        };
        let buffer = std::mem::take(&mut self.buffer);
        match core.flaw {
            Flaw::WantsTheChannelClosed if !self.closed => return Err(failure("the channel was not closed")),
            Flaw::FencesEverybody | Flaw::TouchStopsWrites if core.state().epoch != self.epoch => {
                return Err(Error::new(ErrorKind::Conflict, "something was invalidated"));
            }
            Flaw::OneWriteSpoilsAnother if core.state().epoch != self.epoch => {
                return Err(failure("another write was given up"));
            }
            Flaw::ReadersLockOut if core.state().readers.get(id.as_str()).is_some_and(|count| *count > 0) => {
                return Err(failure("somebody is reading"));
            }
            Flaw::CorruptStaysOnWrite => drop(core.inner.info(&id).await?),
            Flaw::KnowsNoFence
            | Flaw::KeepsTheLastChunk
            | Flaw::SwallowsChannelErrors
            | Flaw::ShowsHalfAWrite
            | Flaw::IsInTextMode
            | Flaw::CommitsOnDrop => return set(buffer).await,
            Flaw::ForgetsTagsFence if core.inner.info(&id).await?.is_none() => return set(buffer).await,
            Flaw::MixesWrites => {
                let all = core.state().buffers.get(id.as_str()).cloned().unwrap_or_default();
                return set(all).await;
            }
            Flaw::ClosingDiscards if self.closed => return set(Vec::new()).await,
            Flaw::LeavesATail => {
                let old = core.inner.get(&id).await?.map(|(content, _)| content).unwrap_or_default();
                let tail = old.get(buffer.len()..).unwrap_or_default();
                return set([&buffer[..], tail].concat()).await;
            }
            Flaw::CommitsInTwoSteps => {
                core.inner.invalidate(&id).await?;
                step_aside(1).await;
                return set(buffer).await;
            }
            Flaw::OverwritesByRemoving => {
                core.inner.invalidate(&id).await?;
                return set(buffer).await;
            }
            Flaw::LastOfThoseAtOnceWins => {
                core.state().epoch += 1;
                let epoch = core.state().epoch;
                step_aside(1).await;
                if core.state().epoch != epoch {
                    return Ok(core.made_up());
                }
            }
            Flaw::ChecksThenWrites => {
                Core::meets(core.inner.info(&id).await?.as_ref(), &self.condition)?;
                step_aside(1).await;
                return set(buffer).await;
            }
            Flaw::CommitsLater => {
                core.state().late.push((id, buffer, self.options.clone()));
                return Ok(core.made_up());
            }
            Flaw::HidesTheInvalidated => drop(core.state().hidden.remove(id.as_str())),
            Flaw::TagsOutliveSessions => {
                for tag in self.options.new_tags().iter().flat_map(|tags| tags.iter()) {
                    core.state().tags.entry(tag.to_owned()).or_default().insert(id.as_str().to_owned());
                }
            }
            _ => {}
        }
        let Some(inner) = self.inner.take() else { return Err(failure("committed twice")) };
        let committed = inner.commit().await;
        if core.is(Flaw::ConflictTakesRoom) && committed.is_err() {
            core.take_room().await?;
        }
        let mut revision = committed.map_err(|error| core.tell(&id, error))?.revision;
        if core.is(Flaw::WritesBeforeAskingTheClock) {
            core.clock_is_right()?;
        }
        if core.is(Flaw::NamesRevisionsAfterContent) {
            revision = core.named(&id).await?.unwrap_or(revision);
        }
        core.remember_deadline(&id).await?;
        let mut state = core.state();
        state.leases.remove(id.as_str());
        state.handles = state.handles.saturating_sub(1);
        Ok(revision)
    }
}

impl Drop for FlawedWriter {
    fn drop(&mut self) {
        self.lock = None;
        if self.committed {
            return;
        }
        match self.core.flaw {
            Flaw::CommitsOnDrop => self.set_now(self.buffer.clone()),
            Flaw::PoisonedByAFailure => self.core.state().poisoned = true,
            Flaw::OneWriteSpoilsAnother => self.core.state().epoch += 1,
            _ => {}
        }
    }
}

impl AsyncWrite for FlawedWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let id = this.id.as_str().to_owned();
        match this.core.flaw {
            Flaw::KeepsTheLastChunk => this.buffer.clear(),
            Flaw::IsInTextMode => {
                this.buffer.extend(bytes.iter().filter(|&&byte| byte != b'\r'));
                return Poll::Ready(Ok(bytes.len()));
            }
            Flaw::SwallowsChannelErrors => {
                if this.buffer.len() + bytes.len() <= 1_000 {
                    this.buffer.extend_from_slice(bytes);
                }
                return Poll::Ready(Ok(bytes.len()));
            }
            Flaw::MixesWrites => {
                this.core.state().buffers.entry(id).or_default().extend_from_slice(bytes);
            }
            _ => {}
        }
        this.buffer.extend_from_slice(bytes);
        if this.core.is(Flaw::ShowsHalfAWrite) {
            this.set_now(this.buffer.clone());
        }
        match &mut this.inner {
            Some(inner) => inner.write_all(bytes).poll_unpin(task).map(|done| done.map(|()| bytes.len())),
            None => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

impl StagedWrite for FlawedWriter {
    fn commit(mut self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(async move {
            let mut committed = Committed::from(self.publish().await?);
            if self.core.is(Flaw::TellsOfNoTimeout) {
                committed.info = self.core.inner.info(&self.id).await?;
                if let Some(info) = &mut committed.info {
                    info.expires_at = None;
                }
            }
            Ok(committed)
        })
    }
}
