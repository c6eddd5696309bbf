//! A custom storage's `write`: its provider stays in the call until the core commits or gives up.

use std::{
    cell::RefCell,
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use futures::{
    AsyncWrite,
    channel::oneshot,
    future::{Either, select},
};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{WritableStream, WritableStreamDefaultWriter};

use super::{
    super::error::{from_js, to_js},
    CustomStorage, committed, rubbish, write_options,
};
use crate::{
    channel::{SessionWriter, StagedWrite},
    error::{Error, ErrorKind},
    id::SessionId,
    maybe_send::BoxFuture,
    session::{Committed, WriteOptions},
};

/// The most bytes that cross in one piece.
const PIECE: usize = 64 * 1024;

/// What the storage hands to its provider.
struct Handed {
    channel: JsValue,
    end: End,
}

/// Ends the provider: well, or by giving up when it is dropped.
struct End {
    resolve: Function,
    reject: Option<Function>,
}

impl End {
    fn well(mut self) {
        self.reject = None;
        // A promise's own functions do not throw.
        let _ = self.resolve.call0(&JsValue::UNDEFINED);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(reject) = &self.reject {
            let reason = to_js(&Error::new(ErrorKind::Closed, "the write was given up"));
            let _ = reject.call1(&JsValue::UNDEFINED, &reason);
        }
    }
}

pub(super) async fn begin(
    storage: &CustomStorage,
    id: &SessionId,
    options: WriteOptions,
) -> Result<SessionWriter, Error> {
    let (hand, handed) = oneshot::channel::<Handed>();
    let hand = Rc::new(RefCell::new(Some(hand)));
    let provider = move |channel: JsValue| {
        Promise::new(&mut |resolve, reject| {
            let end = End { resolve, reject: Some(reject) };
            if let Some(hand) = hand.borrow_mut().take() {
                let _ = hand.send(Handed { channel: channel.clone(), end });
            }
        })
    };
    let provider = Closure::<dyn FnMut(JsValue) -> Promise>::new(provider).into_js_value();
    let asked = write_options(&options)?;
    let call = storage.call("write", &[&id.as_str().into(), &provider, &asked])?;
    let ended = JsFuture::from(call);
    match select(handed, ended).await {
        Either::Left((Ok(Handed { channel, end }), ended)) => {
            let stream: WritableStream =
                channel.dyn_into().map_err(|_| rubbish("write() gave its provider no WritableStream"))?;
            let writer = stream.get_writer().map_err(from_js)?;
            Ok(SessionWriter::new(CustomWriter { writer, end: Some(end), ended: Some(ended), write: None }))
        }
        Either::Left((Err(_), _)) => Err(rubbish("write() let go of its provider without calling it")),
        Either::Right((Ok(_), _)) => Err(rubbish("write() resolved without calling its provider")),
        Either::Right((Err(reason), _)) => Err(from_js(reason)),
    }
}

struct CustomWriter {
    writer: WritableStreamDefaultWriter,
    end: Option<End>,
    ended: Option<JsFuture>,
    /// The piece under way.
    write: Option<JsFuture>,
}

impl CustomWriter {
    fn poll_written(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(write) = &mut self.write {
            let written = ready!(Pin::new(write).poll(task));
            self.write = None;
            written.map_err(from_js)?;
        }
        Poll::Ready(Ok(()))
    }

    async fn publish(mut self) -> Result<Committed, Error> {
        std::future::poll_fn(|task| self.poll_written(task)).await?;
        // Each is there until here: a writer is committed once.
        let (Some(end), Some(ended)) = (self.end.take(), self.ended.take()) else {
            return Err(Error::channel_closed());
        };
        end.well();
        committed(&ended.await.map_err(from_js)?)
    }
}

impl AsyncWrite for CustomWriter {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(task))?;
        let count = bytes.len().min(PIECE);
        let piece = Uint8Array::from(&bytes[..count]);
        self.write = Some(JsFuture::from(self.writer.write_with_chunk(&piece)));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(task).map_err(io::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(task)
    }
}

impl StagedWrite for CustomWriter {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(Pin::into_inner(self).publish())
    }
}

impl Drop for CustomWriter {
    fn drop(&mut self) {
        // The call fails now, as it must. Its promise has been listened to, so that this is no unhandled failure.
        drop(self.end.take());
    }
}

impl fmt::Debug for CustomWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CustomWriter").finish_non_exhaustive()
    }
}
