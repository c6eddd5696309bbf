//! A sealed content on its way out: each chunk is found to be whole before its first byte is handed out.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncReadExt};

use super::{
    chunks::{Chunks, HEADER, SEALED_CHUNK},
    corrupt,
};
use crate::{channel::SessionReader, error::Error, key::Key, ticket::SealingKeys};

/// The first buffer, which is enough for most sessions.
const FIRST: usize = 2 * 1024;

pub(super) struct SealedReader {
    sealed: SessionReader,
    chunks: Chunks,
    /// What is read of the next chunk, and a byte more, which tells that it is not the last.
    incoming: Vec<u8>,
    filled: usize,
    /// The chunk that is handed out, from here on.
    opened: Vec<u8>,
    at: usize,
    state: State,
}

enum State {
    Chunks,
    LastOpened,
    Failed(Error),
}

impl SealedReader {
    /// Opens a content as far as its first chunk, so that a damaged small session is told from a missing one at once.
    pub(super) async fn open(
        mut sealed: SessionReader,
        keys: &SealingKeys,
        session: Key,
    ) -> Result<Self, Error> {
        let mut header = [0; HEADER];
        sealed.read_exact(&mut header).await.map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof { corrupt() } else { error.into() }
        })?;
        let chunks = Chunks::resume(keys, session, &header)?;
        let (incoming, opened) = (vec![0; FIRST], Vec::new());
        let mut this = Self { sealed, chunks, incoming, filled: 0, opened, at: 0, state: State::Chunks };
        poll_fn(|task| this.poll_chunk(task)).await?;
        Ok(this)
    }

    /// Reads and opens the next chunk, in place of the one that is handed out.
    fn poll_chunk(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while self.filled <= SEALED_CHUNK {
            if self.filled == self.incoming.len() {
                self.incoming.resize((self.filled * 4).min(SEALED_CHUNK + 1), 0);
            }
            let room = &mut self.incoming[self.filled..];
            match ready!(Pin::new(&mut self.sealed).poll_read(task, room)) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) => return Poll::Ready(Err(self.fail(error.into()))),
            }
        }
        let is_last = self.filled <= SEALED_CHUNK;
        let next = self.incoming.get(SEALED_CHUNK).copied().filter(|_| !is_last);
        self.incoming.truncate(self.filled.min(SEALED_CHUNK));
        if let Err(error) = self.chunks.open(&mut self.incoming, 0, is_last) {
            return Poll::Ready(Err(self.fail(error)));
        }
        std::mem::swap(&mut self.incoming, &mut self.opened);
        self.at = 0;
        self.filled = 0;
        if let Some(next) = next {
            self.incoming.resize(SEALED_CHUNK + 1, 0);
            self.incoming[0] = next;
            self.filled = 1;
        } else {
            self.state = State::LastOpened;
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing of what is there is handed out any more.
    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed(error.duplicate());
        self.incoming = Vec::new();
        error
    }
}

impl AsyncRead for SealedReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.at == this.opened.len() && !buffer.is_empty() {
            match &this.state {
                State::Chunks => ready!(this.poll_chunk(task))?,
                State::LastOpened => return Poll::Ready(Ok(0)),
                State::Failed(error) => return Poll::Ready(Err(error.duplicate().into())),
            }
        }
        let rest = &this.opened[this.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        this.at += count;
        Poll::Ready(Ok(count))
    }
}
