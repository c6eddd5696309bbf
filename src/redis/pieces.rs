//! A content that is longer than a record takes: pieces beside it, under the revision.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use futures::{AsyncRead, AsyncWrite, future::poll_fn};
use redis::cmd;

use super::{
    Shared,
    failure::slow,
    record::{Head, Seen, open_piece, seal_piece},
    scripts::{HOLD, STAGE},
    write::Written,
};
use crate::{
    channel::StagedWrite,
    error::{Error, ErrorKind},
    maybe_send::BoxFuture,
    record::{TOMBSTONE_MILLIS, corrupt},
    session::{Committed, WriteOptions},
};

/// A content up to this lies in the session's record.
pub(super) const INLINE: usize = 65_536;
const PIECE: usize = 262_144;
/// The place of a piece's checksum.
const SUM: usize = 4;
/// A reader says so often that it is there. A revision that was replaced stays for three times as long.
const HOLD_EVERY: Duration = Duration::from_secs(20);

/// Under which key the pieces of a revision lie.
fn pieces_key(key: &str, revision: [u8; 16]) -> String {
    format!("{key}:{}", base16ct::lower::encode_string(&revision))
}

/// Takes in a content. Never more than a piece of it is held beside the one that is being staged.
pub(super) struct ContentWriter {
    shared: Arc<Shared>,
    key: String,
    options: WriteOptions,
    seen: Seen,
    began: Instant,
    revision: [u8; 16],
    staged: Staged,
    staging: Option<BoxFuture<'static, Result<(), Error>>>,
    /// Behind the place of its checksum.
    piece: Vec<u8>,
    length: u64,
}

/// The pieces on the server. They are given up with the write, unless it may have been committed.
struct Staged {
    shared: Arc<Shared>,
    key: String,
    count: u32,
    is_kept: bool,
}

impl ContentWriter {
    /// Takes note of what is there, so that an invalidation from now on stops the commit.
    pub(super) async fn begin(
        shared: &Arc<Shared>,
        key: String,
        options: WriteOptions,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let revision = super::random()?;
        let seen = shared.seen(&key).await?;
        let staged =
            Staged { shared: Arc::clone(shared), key: pieces_key(&key, revision), count: 0, is_kept: false };
        let (piece, shared) = (vec![0; SUM], Arc::clone(shared));
        Ok(Self { shared, key, options, seen, began, revision, staged, staging: None, piece, length: 0 })
    }

    /// Waits until what is on its way to the server has arrived.
    fn poll_staged(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(staging) = &mut self.staging else { return Poll::Ready(Ok(())) };
        let done = ready!(staging.as_mut().poll(task));
        self.staging = None;
        Poll::Ready(done)
    }

    /// Sends the piece on its way.
    fn stage(&mut self) {
        let mut piece = std::mem::replace(&mut self.piece, vec![0; SUM]);
        seal_piece(&mut piece);
        let (shared, key, number) = (Arc::clone(&self.shared), self.staged.key.clone(), self.staged.count);
        self.staged.count += 1;
        self.staging = Some(Box::pin(async move {
            let number = number.to_string();
            let connection = &shared.connection;
            let arguments = [number.as_bytes(), &piece];
            connection.number(&STAGE, &[&key], &arguments, connection.deadline()).await.map(drop)
        }));
    }

    async fn publish(mut self) -> Result<Committed, Error> {
        poll_fn(|task| self.poll_staged(task)).await?;
        if self.began.elapsed() > Duration::from_millis(TOMBSTONE_MILLIS) {
            return Err(slow());
        }
        let is_inline = self.length <= INLINE as u64;
        if !is_inline && self.piece.len() > SUM {
            self.stage();
            poll_fn(|task| self.poll_staged(task)).await?;
        }
        let written = Written {
            content: is_inline.then(|| &self.piece[SUM..]),
            length: self.length,
            pieces: self.staged.count,
            revision: self.revision,
            seen: Some(self.seen),
        };
        // From here on it may be done without our learning of it. What was not done goes by itself in an hour.
        self.staged.is_kept = true;
        let committed = self.shared.commit(&self.key, &self.options, &written).await;
        self.staged.is_kept = committed.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::Storage);
        committed
    }
}

impl AsyncWrite for ContentWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_staged(task))?;
        this.shared.defaults.check_length(this.length + bytes.len() as u64)?;
        let count = bytes.len().min(SUM + PIECE - this.piece.len());
        this.piece.extend_from_slice(&bytes[..count]);
        this.length += count as u64;
        if this.piece.len() == SUM + PIECE {
            this.stage();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_staged(task).map_err(io::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(task)
    }
}

impl StagedWrite for ContentWriter {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(Pin::into_inner(self).publish())
    }
}

// Nothing in it is pinned in place.
impl Unpin for ContentWriter {}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.count > 0 && !self.is_kept {
            self.shared.given_up.add(std::mem::take(&mut self.key));
        }
    }
}

/// Reads the pieces of one revision, which stay while they are read, also if it is replaced meanwhile.
pub(super) struct PiecesReader {
    shared: Arc<Shared>,
    key: String,
    revision: [u8; 16],
    next: u64,
    /// Of the content, behind the piece that is being handed out.
    left: u64,
    piece: Bytes,
    reading: Option<BoxFuture<'static, Result<Bytes, Error>>>,
    held: Instant,
    is_broken: bool,
}

impl PiecesReader {
    pub(super) fn new(shared: &Arc<Shared>, key: String, head: &Head) -> Self {
        Self {
            shared: Arc::clone(shared),
            key,
            revision: head.revision(),
            next: 0,
            left: head.length(),
            piece: Bytes::new(),
            reading: None,
            held: Instant::now(),
            is_broken: false,
        }
    }

    /// How long the next piece is; 0 at the end.
    fn expected(&self) -> usize {
        usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE))
    }

    fn fetch(&mut self) -> BoxFuture<'static, Result<Bytes, Error>> {
        let (number, length) = (self.next, self.expected());
        self.next += 1;
        let is_due = self.held.elapsed() >= HOLD_EVERY;
        if is_due {
            self.held = Instant::now();
        }
        let (shared, key, revision) = (Arc::clone(&self.shared), self.key.clone(), self.revision);
        Box::pin(async move {
            shared.check_open()?;
            let pieces = pieces_key(&key, revision);
            let connection = &shared.connection;
            if is_due {
                // Where that fails, the next command says so.
                let _ = connection.number(&HOLD, &[&pieces], &[], connection.deadline()).await;
            }
            match connection.bytes(cmd("HGET").arg(&pieces).arg(number).take()).await? {
                Some(piece) => open_piece(&piece, length),
                None => Err(missing(&shared, &key, revision).await),
            }
        })
    }
}

/// Why a piece is not there: lost, or of a revision that was replaced long ago.
async fn missing(shared: &Shared, key: &str, revision: [u8; 16]) -> Error {
    match shared.head(key).await {
        Ok(Some(head)) if head.is_session() && head.revision() == revision => {
            corrupt("a piece of its content is missing")
        }
        Ok(_) => Error::new(
            ErrorKind::Storage,
            "the session was replaced, and its reader paused for more than a minute; read it again",
        ),
        Err(error) => error,
    }
}

impl AsyncRead for PiecesReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.is_broken {
            return Poll::Ready(Err(corrupt("its content could not be read to the end").into()));
        }
        if this.piece.is_empty() && this.left > 0 && !buffer.is_empty() {
            let mut reading = this.reading.take().unwrap_or_else(|| this.fetch());
            let Poll::Ready(piece) = reading.as_mut().poll(task) else {
                this.reading = Some(reading);
                return Poll::Pending;
            };
            this.is_broken = piece.is_err();
            this.piece = piece?;
            this.left -= this.piece.len() as u64;
        }
        let count = this.piece.len().min(buffer.len());
        this.piece.copy_to_slice(&mut buffer[..count]);
        Poll::Ready(Ok(count))
    }
}
