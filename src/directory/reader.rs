//! A large content, read piece by piece.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use futures::AsyncRead;

use super::medium::Pieces;
use crate::{
    error::Error,
    maybe_send::BoxFuture,
    record::{Head, Sum, corrupt},
};

/// Gives the pieces as they come, and at the end says whether they were those that were written (C12).
pub(super) struct PiecesReader {
    state: State,
    piece: Bytes,
    left: u64,
    sum: Option<Sum>,
    expected: u32,
}

enum State {
    Idle(Box<dyn Pieces>),
    Reading(BoxFuture<'static, (Box<dyn Pieces>, Result<Bytes, Error>)>),
    /// The end, or a failure: nothing is held any more.
    Done,
}

impl PiecesReader {
    pub(super) fn new(head: &Head, pieces: Box<dyn Pieces>) -> Self {
        Self {
            state: State::Idle(pieces),
            piece: Bytes::new(),
            left: head.length,
            sum: Some(Sum::new()),
            expected: head.sum,
        }
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
        while this.piece.is_empty() && this.left > 0 && !buffer.is_empty() {
            match std::mem::replace(&mut this.state, State::Done) {
                State::Idle(pieces) => this.state = State::Reading(pieces.next()),
                State::Reading(mut reading) => {
                    let Poll::Ready((pieces, piece)) = reading.as_mut().poll(task) else {
                        this.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    this.take_in(piece?)?;
                    if this.left > 0 {
                        this.state = State::Idle(pieces);
                    }
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
