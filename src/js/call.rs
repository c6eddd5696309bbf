//! From a future to a promise.

use std::task::{Context, Poll, Waker};

use futures::{TryFutureExt, future::LocalBoxFuture};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

use super::error::to_js;
use crate::error::Error;

/// Starts a call at once, before this returns: a write that was called before an invalidate has begun before
/// it (C4). A call that needs not wait is done by then.
pub(super) fn start(mut future: LocalBoxFuture<'static, Result<JsValue, JsValue>>) -> Promise {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => Promise::resolve(&value),
        Poll::Ready(Err(error)) => Promise::reject(&error),
        // Polled again with a true waker as soon as the executor takes it.
        Poll::Pending => future_to_promise(future),
    }
}

/// The same for a call of a storage.
pub(super) fn start_storage(future: LocalBoxFuture<'static, Result<JsValue, Error>>) -> Promise {
    start(Box::pin(future.map_err(|error| to_js(&error))))
}
