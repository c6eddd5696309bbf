//! The little of IndexedDB that `web-sys` leaves out, and what all calls need.

use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use web_sys::{IdbDatabase, IdbFactory, IdbObjectStore, IdbRequest, IdbTransaction};

use super::waits::{Wait, Waits};
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

    type Committing;

    #[wasm_bindgen(method, catch)]
    fn commit(this: &Committing) -> Result<(), JsValue>;

    type Detached;

    #[wasm_bindgen(method, catch)]
    fn transfer(this: &Detached, length: u32) -> Result<JsValue, JsValue>;

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

/// A transaction, with those who wait for what comes of it.
#[derive(Clone)]
pub(super) struct Transaction {
    transaction: IdbTransaction,
    waits: Rc<Waits>,
}

impl Transaction {
    pub(super) fn new(transaction: IdbTransaction, waits: &Rc<Waits>) -> Self {
        Self { transaction, waits: Rc::clone(waits) }
    }

    pub(super) fn store(&self, name: &str) -> Result<IdbObjectStore, Failed> {
        self.transaction.object_store(name).map_err(Failed::from)
    }

    /// Its database, over the connection that it belongs to.
    pub(super) fn database(&self) -> IdbDatabase {
        self.transaction.db()
    }

    /// The result of a request. It wakes within the request's own event, while the transaction takes further requests.
    pub(super) async fn result(&self, request: &IdbRequest) -> Result<JsValue, Failed> {
        self.waits.request(request).done().await?;
        Ok(request.result()?)
    }

    /// Its end, for which one may wait.
    pub(super) fn end(&self) -> Wait {
        self.waits.transaction(&self.transaction)
    }

    /// Says that no more requests follow. Where the engine does not know the call, or has ended the transaction already,
    /// nothing is lost but a little time.
    pub(super) fn commit(&self) {
        let _ = self.transaction.unchecked_ref::<Committing>().commit();
    }

    /// Undoes all of it. Where it has ended already, there is nothing to undo.
    pub(super) fn abort(&self) {
        let _ = self.transaction.abort();
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

/// Bytes in a buffer of their own: a view of wasm memory would be stored with all of it.
pub(super) fn bytes(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

/// Frees bytes of the engine's making at once: a large content, read piece by piece, would fill the memory before they are collected.
/// Where the engine does not know the call, they are.
pub(super) fn free(bytes: &Uint8Array) {
    let _ = bytes.buffer().unchecked_ref::<Detached>().transfer(0);
}

/// How a call of the database failed: the name of its exception, or none where it says nothing.
#[derive(Debug, Clone)]
pub(super) struct Failed(String);

impl Failed {
    pub(super) fn unknown() -> Self {
        Self(String::new())
    }

    pub(super) fn is_quota(&self) -> bool {
        self.0 == "QuotaExceededError"
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
