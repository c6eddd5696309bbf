//! What is in a record's file: read as a whole or piece by piece, and written piece by piece.

use bytes::Bytes;

use super::{
    files::{File, Opened, failed},
    medium::{Body, PIECE, Pieces, Record, Stage},
};
use crate::{
    error::Error,
    maybe_send::BoxFuture,
    record::{HEADER, Head, Outline, Sum, corrupt, tags_block},
};

/// Reads the head of an open record, and checks that the file is as long as it says.
pub(super) async fn read_head(opened: &Opened) -> Result<Head, Error> {
    let outline = Outline::read(&opened.start)?;
    if opened.length() != outline.record_length() {
        return Err(corrupt("it has another length than it says"));
    }
    let (at, length) = outline.tags();
    let start = usize::try_from(at).ok().and_then(|at| opened.start.get(at..at.checked_add(length)?));
    let head = match (start, &opened.rest) {
        (Some(tags), _) => outline.with_tags(tags),
        (None, Some((_, file))) => {
            let tags = file.read_at(at, length).await.map_err(failed)?;
            outline.with_tags(&tags)
        }
        (None, None) => Err(corrupt("it is too short for its tags")),
    };
    // No folder keeps a content apart.
    head?.within()
}

pub(super) async fn read_record(opened: Opened) -> Result<Record, Error> {
    let head = read_head(&opened).await?;
    let start = Bytes::from(opened.start);
    if let Some(content) = usize::try_from(head.length).ok().filter(|length| *length <= PIECE) {
        let content = start.slice(HEADER..HEADER + content);
        if Sum::of(&content) != head.sum {
            return Err(corrupt("the checksum of its content does not match"));
        }
        return Ok(Record { head, body: Body::Whole(content) });
    }
    let Some((_, file)) = opened.rest else { return Err(corrupt("it is too short for its content")) };
    let first = start.slice(HEADER..);
    let pieces = FilePieces { file, first, at: HEADER as u64, end: HEADER as u64 + head.length };
    Ok(Record { head, body: Body::Pieces(Box::new(pieces)) })
}

struct FilePieces {
    file: Box<dyn File>,
    /// What was read when the file was opened.
    first: Bytes,
    at: u64,
    end: u64,
}

impl Pieces for FilePieces {
    fn next(mut self: Box<Self>) -> BoxFuture<'static, (Box<dyn Pieces>, Result<Bytes, Error>)> {
        Box::pin(async move {
            let first = std::mem::take(&mut self.first);
            let piece = if first.is_empty() {
                let left = usize::try_from(self.end - self.at).unwrap_or(PIECE);
                self.file.read_at(self.at, left.min(PIECE)).await.map_err(failed)
            } else {
                Ok(first)
            };
            self.at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            (self as Box<dyn Pieces>, piece)
        })
    }
}

/// A content that is being written, in a file of its own, which goes when it is dropped.
pub(super) struct StagedFile {
    file: Option<Box<dyn File>>,
    path: String,
    at: u64,
    strict: bool,
}

impl StagedFile {
    pub(super) fn new(file: Box<dyn File>, path: String, strict: bool) -> Self {
        Self { file: Some(file), path, at: HEADER as u64, strict }
    }

    fn file(&self) -> Result<&dyn File, Error> {
        self.file.as_deref().ok_or_else(Error::channel_closed)
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), Error> {
        let length = piece.len() as u64;
        self.file()?.write_at(self.at, piece).await.map_err(failed)?;
        self.at += length;
        Ok(())
    }
}

impl Stage for StagedFile {
    fn append(mut self: Box<Self>, piece: Bytes) -> BoxFuture<'static, (Box<dyn Stage>, Result<(), Error>)> {
        Box::pin(async move {
            let written = self.write(piece).await;
            (self as Box<dyn Stage>, written)
        })
    }

    fn complete<'a>(&'a mut self, head: &'a Head) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let file = self.file()?;
            file.end_with(self.at, tags_block(&head.tags).into()).await.map_err(failed)?;
            file.write_at(0, Bytes::copy_from_slice(&head.header())).await.map_err(failed)?;
            if self.strict { file.sync().await.map_err(failed) } else { Ok(()) }
        })
    }

    fn name(&self) -> &str {
        &self.path
    }

    fn clear(&mut self) {
        self.file = None;
    }
}
