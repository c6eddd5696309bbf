//! A content on its way in, sealed chunk by chunk.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{AsyncWrite, AsyncWriteExt};

use super::{
    Keys,
    chunks::{CHUNK, Chunks, HEADER},
};
use crate::{
    channel::{SessionWriter, StagedWrite},
    error::Error,
    maybe_send::BoxFuture,
    session::Committed,
};

/// Never holds more than a chunk that fills, and one that the delegate takes.
pub(super) struct SealedWriter {
    keys: Arc<Keys>,
    sealed: SessionWriter,
    chunks: Chunks,
    /// Of the next chunk, what has come. A full one waits here until it is known whether it is the last.
    chunk: Vec<u8>,
    /// On its way to the delegate, which has taken it up to here.
    outgoing: Vec<u8>,
    taken: usize,
    /// Whether the last chunk is sealed.
    is_ended: bool,
}

impl SealedWriter {
    pub(super) fn new(keys: Arc<Keys>, sealed: SessionWriter, chunks: Chunks, header: [u8; HEADER]) -> Self {
        Self { keys, sealed, chunks, chunk: Vec::new(), outgoing: header.into(), taken: 0, is_ended: false }
    }

    /// Seals the chunk and sends it on its way. Nothing else may be on its way.
    fn seal(&mut self, is_last: bool) -> Result<(), Error> {
        self.chunks.seal(&mut self.chunk, 0, is_last)?;
        std::mem::swap(&mut self.chunk, &mut self.outgoing);
        self.chunk.clear();
        self.taken = 0;
        self.is_ended = is_last;
        Ok(())
    }

    fn poll_taken(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.outgoing.len() {
            let rest = &self.outgoing[self.taken..];
            match ready!(Pin::new(&mut self.sealed).poll_write(task, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.taken += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    async fn publish(mut self) -> Result<Committed, Error> {
        self.sealed.write_all(&self.outgoing[self.taken..]).await?;
        if !self.is_ended {
            self.seal(true)?;
            self.sealed.write_all(&self.outgoing).await?;
        }
        Ok(self.keys.committed(self.sealed.commit().await?))
    }
}

impl AsyncWrite for SealedWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.is_ended {
            return Poll::Ready(Err(Error::channel_closed().into()));
        }
        if this.chunk.len() == CHUNK && !bytes.is_empty() {
            ready!(this.poll_taken(task))?;
            this.seal(false)?;
        }
        let count = bytes.len().min(CHUNK - this.chunk.len());
        this.chunk.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    /// What fills no chunk yet stays here.
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_taken(task))?;
        Pin::new(&mut self.sealed).poll_flush(task)
    }

    fn poll_close(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_taken(task))?;
        if !self.is_ended {
            self.seal(true)?;
            ready!(self.poll_taken(task))?;
        }
        Pin::new(&mut self.sealed).poll_close(task)
    }
}

impl StagedWrite for SealedWriter {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(Pin::into_inner(self).publish())
    }
}
