//! The content of one revision in memory: shared by the table and its readers, never changed.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::AsyncRead;

/// Cheap to clone, so that a reader keeps its revision while the session moves on (C2).
#[derive(Debug, Clone)]
pub(crate) struct Payload(Arc<[Bytes]>);

impl Payload {
    pub(super) fn new(pieces: Arc<[Bytes]>) -> Self {
        Self(pieces)
    }

    pub(super) fn of(content: Bytes) -> Self {
        Self([content].into())
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The content as one buffer; copied only where it lies in several pieces.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self.0.as_ref() {
            [only] => only.clone(),
            _ => self.pieces().collect::<Vec<_>>().concat().into(),
        }
    }
}

/// Reads a payload in pieces.
#[derive(Debug)]
pub(super) struct PayloadReader {
    payload: Payload,
    piece: usize,
    offset: usize,
}

impl PayloadReader {
    pub(super) fn new(payload: Payload) -> Self {
        Self { payload, piece: 0, offset: 0 }
    }
}

impl AsyncRead for PayloadReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(piece) = this.payload.0.get(this.piece) else { break };
            let rest = &piece[this.offset..];
            let count = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            if count == rest.len() {
                this.piece += 1;
                this.offset = 0;
            } else {
                this.offset += count;
            }
        }
        Poll::Ready(Ok(filled))
    }
}
