//! The content of one revision in memory: shared by the table and its readers, never changed.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::AsyncRead;

use super::body::Content;

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

/// Gathers a payload in blocks that grow with it, so that a large session is never moved while it arrives
/// and a small one wastes little.
#[derive(Debug, Default)]
pub(super) struct PayloadBuilder {
    full: Vec<Bytes>,
    block: Vec<u8>,
    length: usize,
}

impl PayloadBuilder {
    const FIRST_BLOCK: usize = 4 * 1024;
    const LARGEST_BLOCK: usize = 1024 * 1024;
    /// A content of at most this size is copied to where the session lies.
    const COPY_LIMIT: usize = 64 * 1024;

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            if self.block.len() == self.block.capacity() {
                self.start_block();
            }
            let count = bytes.len().min(self.block.capacity() - self.block.len());
            self.block.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
        }
    }

    fn start_block(&mut self) {
        // As large as all that came before: the number of blocks stays small, and the last one's slack is
        // given back at the end.
        let size = self.length.clamp(Self::FIRST_BLOCK, Self::LARGEST_BLOCK);
        let full = std::mem::replace(&mut self.block, Vec::with_capacity(size));
        if !full.is_empty() {
            self.full.push(full.into());
        }
    }

    /// What was gathered, for the table.
    pub(super) fn content(&mut self) -> Content<'_> {
        if self.full.is_empty() && self.block.len() <= Self::COPY_LIMIT {
            return Content::Copied(&self.block);
        }
        let mut pieces = std::mem::take(&mut self.full);
        let mut last = std::mem::take(&mut self.block);
        last.shrink_to_fit();
        pieces.push(last.into());
        Content::Pieces(pieces.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::body::Body, *};
    use futures::{AsyncReadExt, executor::block_on};

    #[test]
    fn what_is_built_in_pieces_reads_back_the_same() -> io::Result<()> {
        for total in [0_usize, 1, 4_096, 4_097, 70_000, 3_000_000] {
            for chunk in [1, 1_000, 65_536] {
                if total / chunk > 100_000 {
                    continue;
                }
                let content: Vec<u8> = (0..total).map(|n| (n % 251) as u8).collect();
                let mut builder = PayloadBuilder::default();
                content.chunks(chunk).for_each(|chunk| builder.push(chunk));
                assert_eq!(builder.len(), total);
                let body = Body::new("an id", builder.content());
                let payload = body.payload();
                assert_eq!(body.len(), total);
                assert_eq!(payload.to_bytes(), content);
                assert_eq!(payload.pieces().collect::<Vec<_>>().concat(), content);
                let mut read = Vec::new();
                block_on(PayloadReader::new(payload).read_to_end(&mut read))?;
                assert_eq!(read, content);
            }
        }
        Ok(())
    }

    #[test]
    fn c10_a_large_content_holds_no_more_than_itself() {
        let mut builder = PayloadBuilder::default();
        for _ in 0..5_000 {
            builder.push(&[7; 1_000]);
        }
        let Content::Pieces(pieces) = builder.content() else { panic!("5 MB in one piece") };
        assert!(pieces.len() < 20);
        assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), 5_000_000);
    }
}
