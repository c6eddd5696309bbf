//! A user's `load` and `store`.

use std::{fmt, sync::Arc};

use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;

use super::{
    clock::JsClock,
    error::{from_js, to_js},
    options::{limit, timeout},
    storage::StorageCore,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    maybe_send::BoxFuture,
    simplified::{LoadStore, SimplifiedOptions, SimplifiedSessionStorage},
};

/// A storage over two JavaScript functions, for `SimplifiedSessionStorage`. Timeouts in milliseconds; infinity
/// is none, for the limit too.
#[wasm_bindgen(js_name = simplifiedStorage)]
#[allow(clippy::too_many_arguments)] // an object's fields, passed as numbers
pub fn simplified_storage(
    load: Function,
    store: Function,
    idle: f64,
    absolute: f64,
    session_bytes: f64,
    exclusive: bool,
    durable: bool,
    clock: Function,
) -> Result<StorageCore, JsValue> {
    let mut options = SimplifiedOptions::new()
        .idle_timeout(timeout(idle))
        .absolute_timeout(timeout(absolute))
        .max_session_bytes(limit(session_bytes))
        .clock(JsClock(clock));
    if exclusive {
        options = options.exclusive();
    }
    if durable {
        options = options.durable();
    }
    let storage = SimplifiedSessionStorage::new(JsMedium { load, store }, options);
    Ok(StorageCore::new(Arc::new(storage.map_err(|error| to_js(&error))?)))
}

struct JsMedium {
    load: Function,
    store: Function,
}

impl LoadStore for JsMedium {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move {
            let data = settle(self.load.call1(&JsValue::UNDEFINED, &key.into())).await?;
            if data.is_null() || data.is_undefined() {
                return Ok(None);
            }
            let data: Uint8Array = data.dyn_into().map_err(|_| {
                Error::new(ErrorKind::Storage, "load() must resolve with a Uint8Array, or null")
            })?;
            Ok(Some(data.to_vec()))
        })
    }

    fn store<'a>(
        &'a self,
        key: &'a str,
        data: Option<Vec<u8>>,
        expires_at: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let data = data.map_or(JsValue::NULL, |data| Uint8Array::from(&data[..]).into());
            // A moment, which is far below 2^53 milliseconds.
            #[allow(clippy::cast_precision_loss)]
            let expires_at = expires_at.map_or(JsValue::NULL, |time| (time.as_millis() as f64).into());
            settle(self.store.call3(&JsValue::UNDEFINED, &key.into(), &data, &expires_at)).await?;
            Ok(())
        })
    }
}

/// Waits for what user code answered; what it throws comes out again as it is.
pub(super) async fn settle(answer: Result<JsValue, JsValue>) -> Result<JsValue, Error> {
    let promise = Promise::resolve(&answer.map_err(from_js)?);
    JsFuture::from(promise).await.map_err(from_js)
}

impl fmt::Debug for JsMedium {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("JsMedium").finish_non_exhaustive()
    }
}
