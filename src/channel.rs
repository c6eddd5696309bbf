//! The two ends of a session's content: a reader of one revision, and a staged write.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};

use crate::{
    error::Error,
    maybe_send::{BoxFuture, MaybeSend},
    session::{Committed, SessionInfo},
};

/// What a storage reads one revision from; dropping it frees what it holds.
pub trait ReadSource: AsyncRead + MaybeSend {}

impl<T: AsyncRead + MaybeSend + ?Sized> ReadSource for T {}

/// What a storage stages a write in. Dropping it without [`commit`](Self::commit) gives the write up, and
/// the session stays as it was (C1).
pub trait StagedWrite: AsyncWrite + MaybeSend {
    /// Makes the staged bytes the session's content, in one step, if the write's condition holds and the
    /// session was not invalidated since the write began.
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>>;
}

/// One revision of a session, from first byte to last, whatever happens to the session meanwhile (C2).
pub struct SessionReader {
    info: SessionInfo,
    source: Pin<Box<dyn ReadSource>>,
}

impl SessionReader {
    /// For a storage: a reader of what `info` describes.
    pub fn new(info: SessionInfo, source: impl ReadSource + 'static) -> Self {
        Self { info, source: Box::pin(source) }
    }

    /// What is known of this revision.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// Gives up the reader and keeps the info.
    pub fn into_info(self) -> SessionInfo {
        self.info
    }
}

impl AsyncRead for SessionReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source.as_mut().poll_read(task, buffer)
    }
}

impl fmt::Debug for SessionReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionReader").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A write that nobody sees until it is committed (C1). Dropped, it is given up.
///
/// Closing it ends the content; only [`commit`](Self::commit) publishes it. A write to the channel that
/// failed fails the commit too, also where the provider swallowed the error.
pub struct SessionWriter {
    stage: Pin<Box<dyn StagedWrite>>,
    state: State,
}

enum State {
    Open,
    Closed,
    Failed(Error),
}

impl SessionWriter {
    /// For a storage: a writer over what it stages.
    pub fn new(stage: impl StagedWrite + 'static) -> Self {
        Self { stage: Box::pin(stage), state: State::Open }
    }

    /// Publishes what was written, all at once.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the write's condition does not hold or the session was
    /// invalidated since the write began; the first error of the channel, if there was one.
    pub async fn commit(self) -> Result<Committed, Error> {
        match self.state {
            State::Failed(error) => Err(error),
            State::Open | State::Closed => self.stage.commit().await,
        }
    }

    fn check_open(&self) -> io::Result<()> {
        match &self.state {
            State::Open => Ok(()),
            State::Closed => Err(Error::channel_closed().into()),
            State::Failed(error) => Err(error.duplicate().into()),
        }
    }

    fn remember<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let error = Error::from(error);
            let again = error.duplicate();
            self.state = State::Failed(error);
            again.into()
        })
    }
}

impl AsyncWrite for SessionWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_open()?;
        let result = ready!(self.stage.as_mut().poll_write(task, bytes));
        Poll::Ready(self.remember(result))
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_open()?;
        let result = ready!(self.stage.as_mut().poll_flush(task));
        Poll::Ready(self.remember(result))
    }

    fn poll_close(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.state {
            State::Closed => return Poll::Ready(Ok(())),
            State::Open | State::Failed(_) => self.check_open()?,
        }
        let result = ready!(self.stage.as_mut().poll_close(task));
        self.remember(result)?;
        self.state = State::Closed;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for SessionWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionWriter").finish_non_exhaustive()
    }
}
