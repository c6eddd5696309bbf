//! A custom storage's `read`: its consumer stays in the call for as long as the core reads.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use futures::{
    AsyncRead,
    channel::oneshot,
    future::{Either, select},
};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader};

use super::{super::error::from_js, CustomStorage, info, rubbish};
use crate::{
    channel::SessionReader,
    error::{Error, ErrorKind},
    id::SessionId,
};

/// What the storage hands to its consumer.
struct Handed {
    channel: JsValue,
    info: JsValue,
    consumed: Consumed,
}

/// Ends the consumer when it is dropped, and with it the storage's call.
struct Consumed(Function);

impl Drop for Consumed {
    fn drop(&mut self) {
        // A promise's own function does not throw.
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}

pub(super) async fn open(storage: &CustomStorage, id: &SessionId) -> Result<Option<SessionReader>, Error> {
    let (hand, handed) = oneshot::channel::<Handed>();
    let hand = Rc::new(RefCell::new(Some(hand)));
    let consumer = move |channel: JsValue, info: JsValue| {
        Promise::new(&mut |resolve, _| {
            // Nobody waits any more where the read was given up: then it ends at once, as it does where a storage
            // calls its consumer a second time.
            let consumed = Consumed(resolve);
            if let Some(hand) = hand.borrow_mut().take() {
                let _ = hand.send(Handed { channel: channel.clone(), info: info.clone(), consumed });
            }
        })
    };
    let consumer = Closure::<dyn FnMut(JsValue, JsValue) -> Promise>::new(consumer).into_js_value();
    let call = storage.call("read", &[&id.as_str().into(), &consumer])?;
    let ended = JsFuture::from(call);
    let handed = match select(handed, ended).await {
        // How the call ends is of no interest once it has handed the content over. Its promise has been listened to, so
        // that a failure is no unhandled one; the same holds below.
        Either::Left((Ok(handed), _)) => handed,
        Either::Left((Err(_), _)) => return Err(rubbish("read() let go of its consumer without calling it")),
        Either::Right((Ok(_), _)) => return Err(rubbish("read() resolved without calling its consumer")),
        Either::Right((Err(reason), _)) => {
            let error = from_js(reason);
            return if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) };
        }
    };
    let info = info(&handed.info)?;
    let stream: ReadableStream =
        handed.channel.dyn_into().map_err(|_| rubbish("read() gave its consumer no ReadableStream"))?;
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    Ok(Some(SessionReader::new(
        info,
        CustomReader {
            reader,
            next: None,
            piece: Vec::new(),
            at: 0,
            over: false,
            _consumed: handed.consumed,
        },
    )))
}

struct CustomReader {
    reader: ReadableStreamDefaultReader,
    next: Option<JsFuture>,
    piece: Vec<u8>,
    at: usize,
    over: bool,
    _consumed: Consumed,
}

impl AsyncRead for CustomReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.at == this.piece.len() && !this.over && !buffer.is_empty() {
            let reader = &this.reader;
            let next = this.next.get_or_insert_with(|| JsFuture::from(reader.read()));
            let step = ready!(Pin::new(next).poll(task));
            this.next = None;
            let step = step.map_err(from_js)?;
            let get = |name: &str| Reflect::get(&step, &name.into()).map_err(from_js);
            this.over = get("done")?.is_truthy();
            if !this.over {
                let piece = get("value")?.dyn_into::<Uint8Array>();
                this.piece =
                    piece.map_err(|_| rubbish("read() gave a stream of something but bytes"))?.to_vec();
                this.at = 0;
            }
        }
        let count = buffer.len().min(this.piece.len() - this.at);
        buffer[..count].copy_from_slice(&this.piece[this.at..this.at + count]);
        this.at += count;
        Poll::Ready(Ok(count))
    }
}

impl Drop for CustomReader {
    fn drop(&mut self) {
        if !self.over {
            // Before the consumer ends, so that the storage sees it stop early.
            drop(JsFuture::from(self.reader.cancel()));
        }
    }
}
