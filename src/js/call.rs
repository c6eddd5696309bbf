//! From a future to a promise.

use std::task::{Context, Poll, Waker};

use futures::{TryFutureExt, future::LocalBoxFuture};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

use super::error::to_js;
use crate::error::Error;

/// What an exported call answers. A promise alone would do; but V8 up to version 12.4 (Node 22) inlines wasm calls that return one
/// JavaScript value, and dies where such a call is deoptimised while it runs. A result crosses as several values, which it does not
/// inline.
pub(super) type Answer = Result<Promise, JsValue>;

/// Starts a call at once, before this returns: a write that was called before an invalidate has begun before
/// it (C4). A call that needs not wait is done by then.
pub(super) fn start(mut future: LocalBoxFuture<'static, Result<JsValue, JsValue>>) -> Answer {
    Ok(match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => Promise::resolve(&value),
        Poll::Ready(Err(error)) => Promise::reject(&error),
        // Polled again with a true waker as soon as the executor takes it.
        Poll::Pending => future_to_promise(future),
    })
}

/// The same for a call of a storage.
pub(super) fn start_storage(future: LocalBoxFuture<'static, Result<JsValue, Error>>) -> Answer {
    start(Box::pin(future.map_err(|error| to_js(&error))))
}
