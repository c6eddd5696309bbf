//! One session's id and content as they lie in memory.

use std::sync::Arc;

use bytes::Bytes;

use super::{content::Content, payload::Payload};

/// The id and, behind it in the same allocation, a content that was copied: whoever compares the id has
/// the content's cache line already, and a session costs one allocation.
///
/// The allocation has a little room to spare, so that a content that changes its length a little is written
/// in place. Nobody else holds it: a reader takes a copy, which costs less than the stream it is for.
#[derive(Debug)]
pub(crate) struct Body {
    head: Vec<u8>,
    id: u32,
    pieces: Option<Arc<[Bytes]>>,
}

/// Allocations are of multiples of this.
const GRAIN: usize = 32;

impl Body {
    pub(super) fn new(id: &str, content: Content<'_>) -> Self {
        // An id is at most 1,024 bytes.
        let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
        match content {
            Content::Copied(bytes) => {
                Self { head: together(id.as_bytes(), bytes, 0), id: length, pieces: None }
            }
            Content::Pieces(pieces) => Self { head: id.as_bytes().into(), id: length, pieces: Some(pieces) },
        }
    }

    pub(super) fn id(&self) -> &[u8] {
        &self.head[..self.id as usize]
    }

    /// Whether the id is this one. By words: `==` on slices goes byte by byte on wasm32, which shows in every
    /// look-up.
    pub(super) fn is_of(&self, id: &[u8]) -> bool {
        let (own, own_rest) = self.id().as_chunks::<8>();
        let (words, rest) = id.as_chunks::<8>();
        own.len() == words.len()
            && own.iter().zip(words).all(|(a, b)| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b))
            && own_rest == rest
    }

    /// The content's length.
    pub(crate) fn len(&self) -> usize {
        match &self.pieces {
            None => self.copied().len(),
            Some(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Replaces the content; readers of the old one keep it (C2).
    pub(super) fn replace(&mut self, content: Content<'_>) {
        match content {
            Content::Copied(bytes) => {
                let (room, needed) = (self.head.capacity(), self.id as usize + bytes.len());
                if needed <= room && room - needed <= room / 4 + GRAIN {
                    self.head.truncate(self.id as usize);
                    self.head.extend_from_slice(bytes);
                } else {
                    // It has changed its length once, and will again.
                    self.head = together(self.id(), bytes, needed / 16);
                }
                self.pieces = None;
            }
            Content::Pieces(pieces) => {
                self.head = self.id().into();
                self.pieces = Some(pieces);
            }
        }
    }

    /// The content for a reader.
    pub(super) fn payload(&self) -> Payload {
        match &self.pieces {
            None => Payload::of(Bytes::copy_from_slice(self.copied())),
            Some(pieces) => Payload::new(Arc::clone(pieces)),
        }
    }

    /// The content, where it lies in one piece.
    #[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
    pub(crate) fn contiguous(&self) -> Option<&[u8]> {
        match self.pieces.as_deref() {
            None => Some(self.copied()),
            Some([only]) => Some(only),
            Some(_) => None,
        }
    }

    fn copied(&self) -> &[u8] {
        &self.head[self.id as usize..]
    }
}

fn together(id: &[u8], content: &[u8], to_spare: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity((id.len() + content.len() + to_spare).next_multiple_of(GRAIN));
    head.extend_from_slice(id);
    head.extend_from_slice(content);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_of_about_the_same_length_is_written_in_place() {
        let mut body = Body::new("an id", Content::Copied(&[1; 1_000]));
        let place = body.head.as_ptr();
        body.replace(Content::Copied(&[2; 1_010]));
        assert_eq!((body.head.as_ptr(), body.len()), (place, 1_010));
        assert_eq!(body.payload().to_bytes(), vec![2; 1_010]);
        assert_eq!(body.id(), b"an id");
    }

    #[test]
    fn an_id_is_told_from_its_neighbours() {
        for length in [1, 7, 8, 9, 43, 1_024] {
            let id = "x".repeat(length);
            let body = Body::new(&id, Content::Copied(b"xxxxxxxxxxxxxxxx"));
            assert!(body.is_of(id.as_bytes()));
            assert!(!body.is_of(&id.as_bytes()[1..]) && !body.is_of(format!("{id}x").as_bytes()));
            for at in 0..length {
                let mut other = id.clone().into_bytes();
                other[at] = b'y';
                assert!(!body.is_of(&other), "byte {at} of {length}");
            }
        }
    }

    #[test]
    fn a_content_that_shrinks_gives_its_room_back() {
        let mut body = Body::new("an id", Content::Copied(&[1; 10_000]));
        body.replace(Content::Copied(&[2; 10]));
        assert!(body.head.capacity() < 100);
        assert_eq!(body.payload().to_bytes(), vec![2; 10]);
    }

    #[test]
    fn c2_a_reader_keeps_what_it_has_while_the_content_is_replaced() {
        let mut body = Body::new("an id", Content::Copied(b"old"));
        let old = body.payload();
        body.replace(Content::Copied(b"new"));
        assert_eq!(old.to_bytes(), "old");
        body.replace(Content::Pieces([Bytes::from("in "), Bytes::from("pieces")].into()));
        assert_eq!(body.payload().to_bytes(), "in pieces");
        assert_eq!((body.id(), body.len()), (&b"an id"[..], 9));
        body.replace(Content::Copied(b""));
        assert_eq!(body.payload().to_bytes(), "");
    }
}
