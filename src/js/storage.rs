//! Any storage behind promises and web streams.

use std::{cell::RefCell, fmt, future::Future, rc::Rc, sync::Arc, task::Poll};

use futures::future::{Either, poll_fn, select};
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use super::{
    call::{Answer, start, start_storage},
    channels::{ReadChannel, WriteChannel},
    error::to_js,
    options,
};
use crate::{error::Error, id::SessionId, session::WriteOptions, storage::SessionStorage};

/// The calls that take an id. One export for all of them: each costs a kilobyte.
#[wasm_bindgen]
#[derive(Debug, Clone, Copy)]
pub enum Call {
    /// `{ data, info }`, or `undefined`.
    Get,
    /// The info, or `undefined`.
    Info,
    /// Whether there was a session.
    Touch,
    /// Whether there was a session.
    Invalidate,
}

/// The calls about all sessions, or those of a tag.
#[wasm_bindgen]
#[derive(Debug, Clone, Copy)]
pub enum CallAll {
    /// An array of infos.
    ListTagged,
    /// How many.
    InvalidateTagged,
    /// How many.
    Sweep,
    /// An object of counts.
    Stats,
    /// Nothing.
    Close,
}

/// A storage, as the package's TypeScript calls it.
#[wasm_bindgen]
pub struct StorageCore {
    storage: Arc<dyn SessionStorage>,
}

impl StorageCore {
    pub(super) fn new(storage: Arc<dyn SessionStorage>) -> Self {
        Self { storage }
    }

    /// The storage, for one that wraps it.
    pub(super) fn shared(&self) -> Arc<dyn SessionStorage> {
        Arc::clone(&self.storage)
    }
}

#[wasm_bindgen]
impl StorageCore {
    /// Writes what `provider` puts into a channel. See `SessionStorage.write` of the package, and
    /// `write_options` for the numbers.
    #[allow(clippy::too_many_arguments)] // an object's fields, passed as numbers
    pub fn write(
        &self,
        id: String,
        provider: Function,
        idle: f64,
        absolute: f64,
        if_absent: bool,
        if_revision: Option<String>,
        tagged: bool,
        signal: Option<AbortSignal>,
    ) -> Answer {
        let storage = Arc::clone(&self.storage);
        let asked = options::write_options(idle, absolute, if_absent, if_revision, tagged);
        start(Box::pin(async move { write(&*storage, id, &provider, asked, signal).await }))
    }

    /// Hands `consumer` one revision as a channel. See `SessionStorage.read` of the package.
    pub fn read(&self, id: String, consumer: Function) -> Answer {
        let storage = Arc::clone(&self.storage);
        start(Box::pin(async move { read(&*storage, id, &consumer).await }))
    }

    /// Writes a whole content.
    #[allow(clippy::too_many_arguments)] // as `write`
    pub fn set(
        &self,
        id: String,
        content: Vec<u8>,
        idle: f64,
        absolute: f64,
        if_absent: bool,
        if_revision: Option<String>,
        tagged: bool,
    ) -> Answer {
        let storage = Arc::clone(&self.storage);
        let asked = options::write_options(idle, absolute, if_absent, if_revision, tagged);
        start_storage(Box::pin(async move {
            let revision = storage.set(&SessionId::new(id)?, content.into(), asked?).await?;
            Ok(revision.as_str().into())
        }))
    }

    /// A call that takes an id: see [`Call`].
    pub fn call(&self, call: Call, id: String) -> Answer {
        let storage = Arc::clone(&self.storage);
        start_storage(Box::pin(async move {
            let id = SessionId::new(id)?;
            Ok(match call {
                Call::Get => storage.get(&id).await?.map_or(JsValue::UNDEFINED, |(content, info)| {
                    let found = Object::new();
                    // Setting a property of a new plain object cannot fail.
                    let _ = Reflect::set(&found, &"data".into(), &Uint8Array::from(&content[..]));
                    let _ = Reflect::set(&found, &"info".into(), &options::info(&info));
                    found.into()
                }),
                Call::Info => {
                    storage.info(&id).await?.map_or(JsValue::UNDEFINED, |info| options::info(&info))
                }
                Call::Touch => storage.touch(&id).await?.into(),
                Call::Invalidate => storage.invalidate(&id).await?.into(),
            })
        }))
    }

    /// A call about all sessions, or those of a tag: see [`CallAll`].
    #[wasm_bindgen(js_name = callAll)]
    pub fn call_all(&self, call: CallAll, tag: String) -> Answer {
        let storage = Arc::clone(&self.storage);
        start_storage(Box::pin(async move {
            Ok(match call {
                CallAll::ListTagged => {
                    storage.list_tagged(&tag).await?.iter().map(options::info).collect::<Array>().into()
                }
                CallAll::InvalidateTagged => options::number(storage.invalidate_tagged(&tag).await?).into(),
                CallAll::Sweep => options::number(storage.sweep().await?).into(),
                CallAll::Stats => options::stats(&storage.stats().await?),
                CallAll::Close => storage.close().await.map(|()| JsValue::UNDEFINED)?,
            })
        }))
    }
}

impl fmt::Debug for StorageCore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.storage.fmt(out)
    }
}

async fn write(
    storage: &dyn SessionStorage,
    id: String,
    provider: &Function,
    asked: Result<WriteOptions, Error>,
    signal: Option<AbortSignal>,
) -> Result<JsValue, JsValue> {
    let asked = SessionId::new(id).and_then(|id| Ok((id, asked?)));
    let (id, asked) = asked.map_err(|error| to_js(&error))?;
    let aborted = signal.as_ref().map(Aborted::listen);
    if let Some(reason) = aborted.as_ref().and_then(Aborted::reason) {
        return Err(reason);
    }
    let writer = storage.begin(&id, asked).await.map_err(|error| to_js(&error))?;
    let channel = WriteChannel::open(writer)?;
    let call = async {
        let answer = provider.call1(&JsValue::UNDEFINED, channel.stream())?;
        settle(answer).await?;
        channel.drain().await
    };
    let ended = unless_aborted(call, aborted.as_ref()).await;
    match ended {
        Ok(()) => match channel.finish() {
            Some(writer) => writer
                .commit()
                .await
                .map_or_else(|error| Err(to_js(&error)), |revision| Ok(revision.as_str().into())),
            None => Err(to_js(&Error::channel_closed())),
        },
        Err(reason) => {
            channel.give_up(&reason);
            Err(reason)
        }
    }
}

async fn read(storage: &dyn SessionStorage, id: String, consumer: &Function) -> Result<JsValue, JsValue> {
    let reader = async { storage.open(&SessionId::new(id)?).await?.ok_or_else(Error::not_found) }.await;
    let reader = reader.map_err(|error| to_js(&error))?;
    let info = options::info(reader.info());
    let channel = ReadChannel::open(reader)?;
    let answer = match consumer.call2(&JsValue::UNDEFINED, channel.stream(), &info) {
        Ok(answer) => settle(answer).await,
        Err(thrown) => Err(thrown),
    };
    channel.finish();
    answer
}

/// Waits for a callback's answer, which need not be a promise.
async fn settle(answer: JsValue) -> Result<JsValue, JsValue> {
    if answer.is_object() || answer.is_function() {
        JsFuture::from(Promise::resolve(&answer)).await
    } else {
        Ok(answer)
    }
}

async fn unless_aborted(
    call: impl Future<Output = Result<(), JsValue>>,
    aborted: Option<&Aborted>,
) -> Result<(), JsValue> {
    let Some(aborted) = aborted else { return call.await };
    let call = std::pin::pin!(call);
    match select(call, std::pin::pin!(aborted.wait())).await {
        Either::Left((done, _)) => done,
        Either::Right((reason, _)) => Err(reason),
    }
}

/// Listens to a signal for as long as it lives.
struct Aborted {
    signal: AbortSignal,
    listener: Closure<dyn FnMut()>,
    waker: Rc<RefCell<Option<std::task::Waker>>>,
}

impl Aborted {
    fn listen(signal: &AbortSignal) -> Self {
        let waker: Rc<RefCell<Option<std::task::Waker>>> = Rc::default();
        let woken = Rc::clone(&waker);
        let listener = Closure::<dyn FnMut()>::new(move || {
            let waker = woken.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        // Adding a listener to a signal does not fail.
        let _ = signal.add_event_listener_with_callback("abort", listener.as_ref().unchecked_ref());
        Self { signal: signal.clone(), listener, waker }
    }

    fn reason(&self) -> Option<JsValue> {
        self.signal.aborted().then(|| self.signal.reason())
    }

    fn wait(&self) -> impl Future<Output = JsValue> {
        poll_fn(|task| {
            if let Some(reason) = self.reason() {
                return Poll::Ready(reason);
            }
            self.waker.replace(Some(task.waker().clone()));
            Poll::Pending
        })
    }
}

impl Drop for Aborted {
    fn drop(&mut self) {
        let listener = self.listener.as_ref().unchecked_ref();
        let _ = self.signal.remove_event_listener_with_callback("abort", listener);
    }
}
