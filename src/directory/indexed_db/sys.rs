//! The little of IndexedDB that `web-sys` leaves out, and what all calls need.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, IdbFactory, IdbObjectStore, IdbRequest, IdbTransaction};

use crate::error::{Error, ErrorKind};

#[wasm_bindgen]
extern "C" {
    /// As `web_sys::IdbDatabase`, with a durability.
    #[wasm_bindgen(extends = web_sys::IdbDatabase)]
    #[derive(Clone, Debug)]
    pub(super) type Database;

    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn transaction_with_options(
        this: &Database,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;

    type Transaction;

    #[wasm_bindgen(method, catch)]
    fn commit(this: &Transaction) -> Result<(), JsValue>;

    #[wasm_bindgen(js_namespace = globalThis, js_name = setTimeout)]
    fn set_timeout(work: &js_sys::Function, millis: i32) -> JsValue;
}

impl Database {
    pub(super) fn begin(
        &self,
        stores: &[&str],
        writes: bool,
        strict: bool,
    ) -> Result<IdbTransaction, Failed> {
        let options = Object::new();
        if writes {
            // Setting a property of a new plain object cannot fail.
            let durability = if strict { "strict" } else { "relaxed" };
            let _ = Reflect::set(&options, &"durability".into(), &durability.into());
        }
        let names = stores.iter().map(|name| JsValue::from(*name)).collect();
        let mode = if writes { "readwrite" } else { "readonly" };
        self.transaction_with_options(&names, mode, &options).map_err(Failed::from)
    }
}

/// The database of a window or a worker.
pub(super) fn factory() -> Result<IdbFactory, Error> {
    let found = Reflect::get(&js_sys::global(), &"indexedDB".into()).ok();
    found.and_then(|found| found.dyn_into().ok()).ok_or_else(|| {
        Error::unsupported(
            "there is no IndexedDB here: use a page or a worker of http(s), or another storage",
        )
    })
}

/// A promise of a time to come, in milliseconds.
pub(super) fn timeout(millis: i32) -> Promise {
    Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, millis);
    })
}

/// The result of a request. It wakes within the request's own event, while its transaction takes further requests.
pub(super) async fn result(request: &IdbRequest) -> Result<JsValue, Failed> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    match JsFuture::from(promise).await {
        Ok(_) => request.result().map_err(Failed::from),
        Err(_) => Err(request.error().ok().flatten().as_ref().map_or_else(Failed::unknown, Failed::of)),
    }
}

/// When a transaction has ended: only its `complete` is success.
pub(super) fn ended(transaction: &IdbTransaction) -> Promise {
    Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    })
}

pub(super) async fn completed(transaction: &IdbTransaction, ended: Promise) -> Result<(), Failed> {
    match JsFuture::from(ended).await {
        Ok(_) => Ok(()),
        Err(_) => Err(transaction.error().as_ref().map_or_else(Failed::unknown, Failed::of)),
    }
}

/// Says that no more requests follow. Where the engine does not know the call, or has ended the transaction already,
/// nothing is lost but a little time.
pub(super) fn commit(transaction: &IdbTransaction) {
    let _ = transaction.unchecked_ref::<Transaction>().commit();
}

pub(super) fn store(transaction: &IdbTransaction, name: &str) -> Result<IdbObjectStore, Failed> {
    transaction.object_store(name).map_err(Failed::from)
}

/// Bytes in a buffer of their own: a view of wasm memory would be stored with all of it.
pub(super) fn bytes(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

/// How a call of the database failed: the name of its exception, or none where it says nothing.
#[derive(Debug, Clone)]
pub(super) struct Failed(String);

impl Failed {
    pub(super) fn of(error: &DomException) -> Self {
        Self(error.name())
    }

    pub(super) fn unknown() -> Self {
        Self(String::new())
    }

    /// Whether the connection is of no use any more. Some engines lose theirs when a page comes back to the front.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(&*self.0, "InvalidStateError" | "UnknownError" | "AbortError" | "")
    }
}

impl From<JsValue> for Failed {
    fn from(error: JsValue) -> Self {
        let name = Reflect::get(&error, &"name".into()).ok().and_then(|name| name.as_string());
        Self(name.unwrap_or_default())
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match &*failed.0 {
            "QuotaExceededError" => Self::new(
                ErrorKind::Quota,
                "the browser's quota for this site is exceeded; free some of it, or ask to persist",
            ),
            "VersionError" => Self::unsupported("the database was made by a later release; use that"),
            "NotFoundError" => {
                Self::unsupported("the database of this name keeps no sessions; use another name")
            }
            "SecurityError" => Self::unsupported(
                "the browser denies this page its databases, as in a sandboxed frame or where site data is blocked",
            ),
            "" => Self::new(ErrorKind::Storage, "the database gave up without a reason"),
            name => Self::new(ErrorKind::Storage, format!("the database failed: {name}")),
        }
    }
}
