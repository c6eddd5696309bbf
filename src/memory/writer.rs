//! A write on its way into memory, in pieces.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::AsyncWrite;

use super::{content::ContentBuilder, shared::Shared, table::Terms};
use crate::{
    channel::StagedWrite,
    error::Error,
    fence::Mark,
    id::SessionId,
    maybe_send::BoxFuture,
    session::{Committed, WriteOptions},
};

/// Stages the bytes beside the table. Dropped, it gives everything back, and the session is as it was (C1).
pub(super) struct MemoryWriter {
    shared: Arc<Shared>,
    id: SessionId,
    mark: Mark,
    terms: Terms,
    content: ContentBuilder,
    staged: u64,
}

impl MemoryWriter {
    pub(super) fn begin(shared: &Arc<Shared>, id: SessionId, options: &WriteOptions) -> Result<Self, Error> {
        let terms = shared.with(|table| table.terms(options))?;
        let mark = shared.enter(&id)?;
        let content = ContentBuilder::default();
        Ok(Self { shared: Arc::clone(shared), id, mark, terms, content, staged: 0 })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.shared.limits().check_length((self.content.len() + bytes.len()) as u64)?;
        self.shared.stage(bytes.len() as u64)?;
        self.staged += bytes.len() as u64;
        self.content.push(bytes);
        Ok(())
    }
}

impl AsyncWrite for MemoryWriter {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(match self.push(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => Err(error.into()),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl StagedWrite for MemoryWriter {
    fn commit(mut self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(async move {
            let this = &mut *self;
            let now = this.shared.now()?;
            let content = this.content.content();
            this.shared.commit(&this.id, this.mark, |table| {
                table.commit(this.id.as_str(), content, &this.terms, now)
            })
        })
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.shared.leave(&self.id, self.staged);
    }
}

impl fmt::Debug for MemoryWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MemoryWriter").field("staged", &self.staged).finish_non_exhaustive()
    }
}
