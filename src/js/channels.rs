//! Web streams over a session's reader and writer.
//!
//! The storage owns both ends (C6): it makes the stream, hands it out, and when the callback has ended it
//! takes the channel back, so that a stream kept beyond that fails instead of reading or writing anything.

use std::{
    cell::{Cell, RefCell},
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use futures::{AsyncRead, AsyncWrite, future::poll_fn};
use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    ReadableByteStreamController, ReadableStream, ReadableStreamByobRequest, WritableStream,
    WritableStreamDefaultController,
};

use super::{
    call::{Answer, start},
    error::to_js,
};
use crate::{
    channel::{SessionReader, SessionWriter},
    error::{Error, ErrorKind},
};

/// The most bytes that cross in one piece.
const PIECE: usize = 64 * 1024;

/// A reader as a `ReadableStream`. Nothing is read before it is asked for.
pub(super) struct ReadChannel {
    stream: ReadableStream,
    state: Rc<ReadState>,
}

struct ReadState {
    buffer: RefCell<Vec<u8>>,
    reader: RefCell<Option<SessionReader>>,
    controller: RefCell<Option<ReadableByteStreamController>>,
}

impl ReadChannel {
    pub(super) fn open(reader: SessionReader) -> Result<Self, JsValue> {
        let length = reader.info().byte_length.and_then(|length| usize::try_from(length).ok());
        // Never of no length: a read of nothing would be taken for the end.
        let buffer = RefCell::new(vec![0; length.unwrap_or(PIECE).clamp(1, PIECE)]);
        let reader = RefCell::new(Some(reader));
        let state = Rc::new(ReadState { buffer, reader, controller: RefCell::default() });
        let open = |bytes: bool| {
            let source = JsValue::from(ChannelSource { state: Rc::clone(&state), bytes });
            // The session is at hand already: buffering it a second time ahead would only cost memory.
            ReadableStream::new_with_underlying_source_and_strategy(
                source.unchecked_ref(),
                strategy(0, None)?.unchecked_ref(),
            )
        };
        // A byte stream lets a consumer bring its own buffer, and so read any session in constant memory. Some
        // browsers that are still in use have none.
        let stream = open(true).or_else(|_| open(false))?;
        Ok(Self { stream, state })
    }

    pub(super) fn stream(&self) -> &JsValue {
        self.stream.as_ref()
    }

    /// The consumer has ended: what it has kept of the stream fails from here on.
    pub(super) fn finish(self) {
        let unread = self.state.let_go();
        if let Some(controller) = self.state.controller.take().filter(|_| unread) {
            controller.error_with_e(&to_js(&Error::new(
                ErrorKind::Closed,
                "the channel was closed when its consumer ended; read it before that",
            )));
        }
    }
}

impl ReadState {
    /// Frees what the channel holds, not waiting for the garbage collector to find the stream. Says whether it
    /// was open until now.
    fn let_go(&self) -> bool {
        self.buffer.take();
        self.reader.take().is_some()
    }

    /// Reads the next piece into the buffer: its length, which is zero at the end and once the channel has been
    /// taken back.
    fn poll_piece(&self, task: &mut Context<'_>, most: usize) -> Poll<Result<usize, JsValue>> {
        let mut reader = self.reader.borrow_mut();
        let Some(open) = reader.as_mut() else { return Poll::Ready(Ok(0)) };
        let mut buffer = self.buffer.borrow_mut();
        let most = most.min(buffer.len());
        let count = ready!(Pin::new(open).poll_read(task, &mut buffer[..most]));
        Poll::Ready(count.map_err(|error| to_js(&error.into())))
    }

    /// Answers one pull, into the consumer's own buffer where it gave one.
    async fn pull(&self) -> Result<JsValue, JsValue> {
        let Some(controller) = self.controller.borrow().clone() else { return Ok(JsValue::UNDEFINED) };
        // A stream that is no byte stream has a controller without this property.
        let request = Reflect::get(&controller, &"byobRequest".into())?;
        let request = request.dyn_ref::<ReadableStreamByobRequest>();
        let view = request.and_then(ReadableStreamByobRequest::view);
        let view = view.as_ref().map(|view| bytes_of(view)).transpose().map_err(|error| to_js(&error))?;
        let most = view.as_ref().map_or(PIECE, |view| view.length() as usize);
        let count = match poll_fn(|task| self.poll_piece(task, most)).await {
            Ok(count) => count,
            Err(error) => {
                self.let_go();
                return Err(error);
            }
        };
        #[allow(clippy::cast_possible_truncation)] // at most a piece
        let length = count as u32;
        match (count, view, request) {
            (0, _, request) => {
                // Else it was taken back, and the stream has failed, while this piece was on its way.
                if self.let_go() {
                    controller.close()?;
                    if let Some(request) = request {
                        request.respond_with_u32(0)?;
                    }
                }
            }
            (_, Some(view), Some(request)) => {
                view.subarray(0, length).copy_from(&self.buffer.borrow()[..count]);
                request.respond_with_u32(length)?;
            }
            _ => {
                let piece = Uint8Array::from(&self.buffer.borrow()[..count]);
                controller.enqueue_with_array_buffer_view(&piece)?;
            }
        }
        Ok(JsValue::UNDEFINED)
    }
}

/// The underlying source of a [`ReadChannel`]'s stream.
#[wasm_bindgen]
pub struct ChannelSource {
    state: Rc<ReadState>,
    bytes: bool,
}

#[wasm_bindgen]
impl ChannelSource {
    #[wasm_bindgen(getter, js_name = type)]
    pub fn kind(&self) -> Option<String> {
        self.bytes.then(|| "bytes".into())
    }

    pub fn start(&self, controller: ReadableByteStreamController) {
        self.state.controller.replace(Some(controller));
    }

    pub fn pull(&self) -> Answer {
        let state = Rc::clone(&self.state);
        start(Box::pin(async move { state.pull().await }))
    }

    pub fn cancel(&self) {
        self.state.let_go();
    }
}

impl fmt::Debug for ChannelSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelSource").finish_non_exhaustive()
    }
}

/// A writer as a `WritableStream`.
pub(super) struct WriteChannel {
    stream: WritableStream,
    state: Rc<WriteState>,
}

#[derive(Default)]
struct WriteState {
    writer: RefCell<Option<SessionWriter>>,
    controller: RefCell<Option<WritableStreamDefaultController>>,
    /// Chunks that the provider has handed over, and those that have arrived.
    queued: Cell<u64>,
    arrived: Cell<u64>,
    closed: Cell<bool>,
    failure: RefCell<Option<JsValue>>,
    waker: RefCell<Option<Waker>>,
}

impl WriteChannel {
    pub(super) fn open(writer: SessionWriter) -> Result<Self, JsValue> {
        let state = Rc::new(WriteState { writer: RefCell::new(Some(writer)), ..WriteState::default() });
        let sink = JsValue::from(ChannelSink { state: Rc::clone(&state) });
        let strategy = strategy(PIECE, Some(&state))?;
        let stream = WritableStream::new_with_underlying_sink_and_strategy(
            sink.unchecked_ref(),
            strategy.unchecked_ref(),
        )?;
        Ok(Self { stream, state })
    }

    pub(super) fn stream(&self) -> &JsValue {
        self.stream.as_ref()
    }

    /// The provider has ended well, perhaps without waiting for its last writes: they count.
    pub(super) async fn drain(&self) -> Result<(), JsValue> {
        // A new stream takes some turns to start, and only then passes on a close or an abort.
        for _ in 0..3 {
            JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await?;
            poll_fn(|task| self.state.poll_drained(task)).await?;
        }
        Ok(())
    }

    /// Takes the channel back after the provider, and hands over the writer to commit.
    pub(super) fn finish(self) -> Option<SessionWriter> {
        let writer = self.state.writer.take();
        if !self.state.closed.get() {
            self.fail(&to_js(&Error::new(
                ErrorKind::Closed,
                "the channel was closed when its provider ended; write to it before that",
            )));
        }
        writer
    }

    /// Takes the channel back from a provider that failed. The session is as it was.
    pub(super) fn give_up(self, reason: &JsValue) {
        drop(self.state.writer.take());
        self.fail(reason);
    }

    fn fail(&self, reason: &JsValue) {
        let controller = self.state.controller.take();
        if let Some(controller) = controller {
            controller.error_with_e(reason);
        }
    }
}

impl WriteState {
    fn poll_drained(&self, task: &mut Context<'_>) -> Poll<Result<(), JsValue>> {
        if let Some(reason) = self.failure() {
            return Poll::Ready(Err(reason));
        }
        if self.arrived.get() >= self.queued.get() {
            return Poll::Ready(Ok(()));
        }
        self.waker.replace(Some(task.waker().clone()));
        Poll::Pending
    }

    /// Why the channel failed. Its abort signal knows of an abort before the sink does.
    fn failure(&self) -> Option<JsValue> {
        let failure = self.failure.borrow().clone();
        failure.or_else(|| {
            let controller = self.controller.borrow().clone()?;
            let signal = Reflect::get(&controller, &"signal".into()).ok()?;
            let signal = signal.dyn_into::<web_sys::AbortSignal>().ok()?;
            signal.aborted().then(|| aborted_with(signal.reason()))
        })
    }

    fn settle(&self, failure: Option<JsValue>) {
        if let Some(failure) = failure {
            self.failure.borrow_mut().get_or_insert(failure);
        }
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn write(&self, chunk: JsValue) -> Result<JsValue, JsValue> {
        let written = match bytes_of(&chunk) {
            Ok(bytes) => self.write_bytes(&bytes).await,
            Err(error) => Err(error),
        };
        self.arrived.set(self.arrived.get() + 1);
        match written {
            Ok(()) => {
                self.settle(None);
                Ok(JsValue::UNDEFINED)
            }
            Err(error) => {
                let error = to_js(&error);
                self.settle(Some(error.clone()));
                Err(error)
            }
        }
    }

    async fn write_bytes(&self, bytes: &Uint8Array) -> Result<(), Error> {
        let length = bytes.length();
        let mut piece = vec![0; PIECE.min(length as usize)];
        let mut at = 0;
        while at < length {
            let count = piece.len().min((length - at) as usize);
            #[allow(clippy::cast_possible_truncation)] // at most a piece
            let end = at + count as u32;
            bytes.subarray(at, end).copy_to(&mut piece[..count]);
            let mut rest = &piece[..count];
            while !rest.is_empty() {
                let written = poll_fn(|task| self.poll_write(task, rest)).await?;
                rest = &rest[written..];
            }
            at = end;
        }
        Ok(())
    }

    fn poll_write(&self, task: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let mut writer = self.writer.borrow_mut();
        let Some(open) = writer.as_mut() else { return Poll::Ready(Err(Error::channel_closed())) };
        Pin::new(open).poll_write(task, bytes).map_err(Error::from)
    }
}

/// The underlying sink of a [`WriteChannel`]'s stream.
#[wasm_bindgen]
pub struct ChannelSink {
    state: Rc<WriteState>,
}

#[wasm_bindgen]
impl ChannelSink {
    pub fn start(&self, controller: WritableStreamDefaultController) {
        self.state.controller.replace(Some(controller));
    }

    pub fn write(&self, chunk: JsValue) -> Answer {
        let state = Rc::clone(&self.state);
        start(Box::pin(async move { state.write(chunk).await }))
    }

    pub fn close(&self) {
        self.state.closed.set(true);
        self.state.settle(None);
    }

    pub fn abort(&self, reason: JsValue) {
        drop(self.state.writer.take());
        self.state.settle(Some(aborted_with(reason)));
    }
}

impl fmt::Debug for ChannelSink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelSink").finish_non_exhaustive()
    }
}

/// The provider's own reason, where it gave one.
fn aborted_with(reason: JsValue) -> JsValue {
    if reason.is_undefined() {
        to_js(&Error::new(ErrorKind::Closed, "the provider aborted the channel without a reason"))
    } else {
        reason
    }
}

/// How much a stream takes in ahead. A write channel counts what is queued as well, at the moment when it
/// is: so the end of the provider can wait for it.
fn strategy(high_water_mark: usize, count: Option<&Rc<WriteState>>) -> Result<Object, JsValue> {
    let strategy = Object::new();
    #[allow(clippy::cast_precision_loss)] // at most a piece
    Reflect::set(&strategy, &"highWaterMark".into(), &(high_water_mark as f64).into())?;
    if let Some(state) = count {
        let state = Rc::clone(state);
        let size = Closure::<dyn Fn(JsValue) -> f64>::new(move |chunk: JsValue| {
            state.queued.set(state.queued.get() + 1);
            bytes_of(&chunk).map_or(1.0, |bytes| f64::from(bytes.length()))
        });
        // Left to the garbage collector: the stream may be used for as long as anybody holds it.
        Reflect::set(&strategy, &"size".into(), &size.into_js_value())?;
    }
    Ok(strategy)
}

/// The bytes of a chunk, and only those: a view may show a part of a larger buffer.
fn bytes_of(chunk: &JsValue) -> Result<Uint8Array, Error> {
    if ArrayBuffer::is_view(chunk) {
        // Every view has these three properties, also one of another realm.
        let view: &Uint8Array = chunk.unchecked_ref();
        let (offset, length) = (view.byte_offset(), view.byte_length());
        return Ok(Uint8Array::new_with_byte_offset_and_length(&view.buffer(), offset, length));
    }
    let name = chunk.dyn_ref::<Object>().map(Object::to_string);
    if name.is_some_and(|name| name == "[object ArrayBuffer]" || name == "[object SharedArrayBuffer]") {
        return Ok(Uint8Array::new(chunk));
    }
    Err(Error::new(
        ErrorKind::InvalidOption,
        "a channel takes bytes (an ArrayBuffer or a view of one); encode text with a TextEncoder",
    ))
}
