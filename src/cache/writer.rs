//! A write through the cache: the delegate gets it first, and the cache what the delegate has committed.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::AsyncWrite;

use super::{
    entries::Cached,
    state::{Change, State},
};
use crate::{
    channel::{SessionWriter, StagedWrite},
    error::Error,
    id::SessionId,
    maybe_send::BoxFuture,
    session::Committed,
};

pub(super) struct CachingWriter {
    state: Arc<State>,
    id: SessionId,
    writer: SessionWriter,
    /// `None` once it is too large for the cache.
    content: Option<Vec<u8>>,
}

impl CachingWriter {
    pub(super) fn new(state: &Arc<State>, id: &SessionId, writer: SessionWriter) -> Self {
        Self { state: Arc::clone(state), id: id.clone(), writer, content: Some(Vec::new()) }
    }

    async fn publish(self) -> Result<Committed, Error> {
        let as_of = self.state.now()?;
        let change = Change::write(&self.state, &self.id)?;
        let committed = self.writer.commit().await?;
        if let (Some(info), Some(mut content)) = (&committed.info, self.content) {
            // It grew by more than was written to it, and only that is counted.
            content.shrink_to_fit();
            change.done(Cached::new(content.into(), info.clone(), as_of), as_of);
        }
        Ok(committed)
    }
}

impl AsyncWrite for CachingWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let count = ready!(Pin::new(&mut this.writer).poll_write(task, bytes))?;
        // A channel that says that it took more than it was given may have made anything of it.
        let taken = bytes.get(..count);
        this.content = this.content.take().zip(taken).and_then(|(mut content, taken)| {
            let is_kept = this.state.is_kept((content.len() + taken.len()) as u64);
            is_kept.then(|| {
                content.extend_from_slice(taken);
                content
            })
        });
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(task)
    }

    fn poll_close(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(task)
    }
}

impl StagedWrite for CachingWriter {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(Pin::into_inner(self).publish())
    }
}

impl fmt::Debug for CachingWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CachingWriter").finish_non_exhaustive()
    }
}
