//! Content on its way into a table.

use std::sync::Arc;

use bytes::Bytes;

/// A whole content, as a write brings it.
pub(crate) enum Content<'a> {
    /// Copied, into the old content's place where it fits.
    Copied(&'a [u8]),
    /// What came in pieces, or was too large to copy.
    Pieces(Arc<[Bytes]>),
}

impl<'a> Content<'a> {
    /// A content of at most this size is copied; a larger buffer is kept as it came.
    const COPY_LIMIT: usize = 64 * 1024;

    /// A content in one buffer.
    pub(crate) fn whole(content: &'a Bytes) -> Self {
        if content.len() <= Self::COPY_LIMIT {
            Self::Copied(content)
        } else {
            Self::Pieces([content.clone()].into())
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }
}

/// Gathers a content in blocks that grow with it, so that a large session is never moved while it arrives
/// and a small one wastes little.
#[derive(Debug, Default)]
pub(super) struct ContentBuilder {
    full: Vec<Bytes>,
    block: Vec<u8>,
    length: usize,
}

impl ContentBuilder {
    const FIRST_BLOCK: usize = 4 * 1024;
    const LARGEST_BLOCK: usize = 1024 * 1024;

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
        if self.full.is_empty() && self.block.len() <= Content::COPY_LIMIT {
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
    use super::{
        super::{body::Body, payload::PayloadReader},
        *,
    };
    use std::io;

    use futures::{AsyncReadExt, executor::block_on};

    #[test]
    fn what_is_built_in_pieces_reads_back_the_same() -> io::Result<()> {
        for total in [0_usize, 1, 4_096, 4_097, 70_000, 3_000_000] {
            for chunk in [1, 1_000, 65_536] {
                if total / chunk > 100_000 {
                    continue;
                }
                let content: Vec<u8> = (0_u8..251).cycle().take(total).collect();
                let mut builder = ContentBuilder::default();
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
        let mut builder = ContentBuilder::default();
        for _ in 0..5_000 {
            builder.push(&[7; 1_000]);
        }
        let content = builder.content();
        assert_eq!(content.len(), 5_000_000);
        let pieces = if let Content::Pieces(pieces) = &content { pieces.len() } else { 0 };
        assert!((2..20).contains(&pieces), "{pieces} pieces");
    }
}
