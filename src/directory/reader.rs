//! A large content, read piece by piece.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use futures::AsyncRead;

use super::{Shared, medium::Pieces};
use crate::{
    error::{Error, ErrorKind},
    key::Key,
    maybe_send::BoxFuture,
    record::{Head, Sum, corrupt},
    session::Revision,
};

/// Gives the pieces as they come, and at the end says whether they were those that were written (C12).
pub(super) struct PiecesReader {
    state: State,
    piece: Bytes,
    left: u64,
    sum: Option<Sum>,
    expected: u32,
    /// What to put away should it be damaged.
    from: (Arc<Shared>, Key, Revision),
}

enum State {
    Idle(Box<dyn Pieces>),
    Reading(BoxFuture<'static, (Box<dyn Pieces>, Result<Bytes, Error>)>),
    /// Puts away what is damaged, and then says so.
    Corrupt(BoxFuture<'static, Error>),
    /// The end, or a failure: nothing is held any more.
    Done,
}

impl PiecesReader {
    pub(super) fn new(shared: &Arc<Shared>, key: Key, head: &Head, pieces: Box<dyn Pieces>) -> Self {
        Self {
            state: State::Idle(pieces),
            piece: Bytes::new(),
            left: head.length,
            sum: Some(Sum::new()),
            expected: head.sum,
            from: (Arc::clone(shared), key, head.revision()),
        }
    }

    fn is_at_end(&self) -> bool {
        self.left == 0 && !matches!(self.state, State::Corrupt(_))
    }

    fn take_in(&mut self, piece: Bytes) -> Result<(), Error> {
        let Some(left) = self.left.checked_sub(piece.len() as u64).filter(|_| !piece.is_empty()) else {
            return Err(corrupt("its content has another length than it says"));
        };
        self.left = left;
        if let Some(sum) = &mut self.sum {
            sum.update(&piece);
        }
        // Before the last piece goes out: whoever has read all that was promised may stop there.
        if left == 0 && self.sum.take().is_some_and(|sum| sum.finish() != self.expected) {
            return Err(corrupt("the checksum of its content does not match"));
        }
        self.piece = piece;
        Ok(())
    }
}

impl AsyncRead for PiecesReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.piece.is_empty() && !this.is_at_end() && !buffer.is_empty() {
            match std::mem::replace(&mut this.state, State::Done) {
                State::Idle(pieces) => this.state = State::Reading(pieces.next()),
                State::Reading(mut reading) => {
                    let Poll::Ready((pieces, piece)) = reading.as_mut().poll(task) else {
                        this.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    match piece.and_then(|piece| this.take_in(piece)) {
                        Ok(()) if this.left > 0 => this.state = State::Idle(pieces),
                        Ok(()) => {}
                        Err(error) if error.kind() == ErrorKind::Corrupt => {
                            let (shared, key, revision) = this.from.clone();
                            this.state = State::Corrupt(Box::pin(async move {
                                // What matters to the reader is the damage, not that it could not be put away.
                                let _ = shared.quarantine(&key, Some(&revision)).await;
                                error
                            }));
                        }
                        Err(error) => return Poll::Ready(Err(error.into())),
                    }
                }
                State::Corrupt(mut quarantine) => {
                    let Poll::Ready(error) = quarantine.as_mut().poll(task) else {
                        this.state = State::Corrupt(quarantine);
                        return Poll::Pending;
                    };
                    return Poll::Ready(Err(error.into()));
                }
                State::Done => {
                    return Poll::Ready(Err(corrupt("its content could not be read to the end").into()));
                }
            }
        }
        let count = this.piece.len().min(buffer.len());
        this.piece.copy_to_slice(&mut buffer[..count]);
        Poll::Ready(Ok(count))
    }
}
