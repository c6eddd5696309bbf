//! A write on its way: held while it is small, staged on the medium once it is not.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::AsyncWrite;

use super::{
    medium::{Content, PIECE, Stage},
    write::Write,
};
use crate::{channel::StagedWrite, error::Error, maybe_send::BoxFuture, record::Sum, session::Committed};

/// What came of a piece: the stage is gone where it failed.
type Staged = (Option<Box<dyn Stage>>, Result<(), Error>);

/// Takes in a content. Never more than a piece of it is held beside the one that is being staged.
pub(super) struct ContentWriter {
    write: Write,
    piece: Vec<u8>,
    state: State,
    length: u64,
    sum: Sum,
}

enum State {
    /// All that came so far fits into a piece.
    Small,
    Staged(Box<dyn Stage>),
    Staging(BoxFuture<'static, Staged>),
    /// Staging failed.
    Failed,
}

impl ContentWriter {
    pub(super) fn new(write: Write) -> Self {
        Self { write, piece: Vec::new(), state: State::Small, length: 0, sum: Sum::new() }
    }

    /// Waits until what is on its way to the medium has arrived.
    fn poll_staged(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let State::Staging(staging) = &mut self.state else { return Poll::Ready(Ok(())) };
        let (stage, done) = ready!(staging.as_mut().poll(task));
        self.state = stage.map_or(State::Failed, State::Staged);
        Poll::Ready(done)
    }

    /// Sends the piece on its way.
    fn stage_piece(&mut self) {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.state = match std::mem::replace(&mut self.state, State::Failed) {
            State::Small => {
                let shared = Arc::clone(&self.write.shared);
                State::Staging(Box::pin(async move {
                    match shared.medium.stage().await {
                        Ok(stage) => append(stage, piece).await,
                        Err(error) => (None, Err(error)),
                    }
                }))
            }
            State::Staged(stage) => State::Staging(Box::pin(append(stage, piece))),
            other => other,
        };
    }

    async fn publish(mut self) -> Result<Committed, Error> {
        std::future::poll_fn(|task| self.poll_staged(task)).await?;
        let mut content = match std::mem::replace(&mut self.state, State::Failed) {
            State::Small => Content::Whole(std::mem::take(&mut self.piece).into()),
            State::Staged(stage) if self.piece.is_empty() => Content::Staged(stage),
            State::Staged(stage) => {
                let (stage, done) = stage.append(std::mem::take(&mut self.piece).into()).await;
                done?;
                Content::Staged(stage)
            }
            State::Staging(_) | State::Failed => return Err(Error::channel_closed()),
        };
        let committed = self.write.commit(&mut content, self.length, self.sum.clone().finish()).await?;
        self.write.shared.after_write().await;
        Ok(committed)
    }
}

async fn append(stage: Box<dyn Stage>, piece: Bytes) -> Staged {
    let (stage, done) = stage.append(piece).await;
    (done.is_ok().then_some(stage), done)
}

impl AsyncWrite for ContentWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_staged(task))?;
        this.write.shared.defaults.check_length(this.length + bytes.len() as u64)?;
        let count = bytes.len().min(PIECE - this.piece.len());
        if this.piece.is_empty() {
            this.piece.reserve_exact(bytes.len().min(PIECE));
        }
        this.piece.extend_from_slice(&bytes[..count]);
        this.sum.update(&bytes[..count]);
        this.length += count as u64;
        // A content of exactly a piece is a small one still.
        if count < bytes.len() {
            this.stage_piece();
            if count == 0 {
                return self.poll_write(task, bytes);
            }
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
