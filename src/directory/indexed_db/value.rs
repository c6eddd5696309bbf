//! A record as the database keeps it.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::sys;
use crate::{
    error::Error,
    key::Key,
    record::{Head, corrupt},
};

#[wasm_bindgen]
extern "C" {
    /// `{ key, record, chunks? }`. `chunks` is the name under which the content lies, where it is kept apart.
    pub(super) type Value;

    #[wasm_bindgen(method, getter)]
    pub(super) fn key(this: &Value) -> JsValue;

    #[wasm_bindgen(method, setter)]
    fn set_key(this: &Value, key: &str);

    #[wasm_bindgen(method, getter)]
    fn record(this: &Value) -> JsValue;

    #[wasm_bindgen(method, setter)]
    fn set_record(this: &Value, record: &Uint8Array);

    #[wasm_bindgen(method, getter)]
    fn chunks(this: &Value) -> JsValue;

    #[wasm_bindgen(method, setter)]
    fn set_chunks(this: &Value, chunks: &str);
}

/// What was found under a key: the head, and the record's bytes.
pub(super) struct Found {
    pub(super) head: Head,
    pub(super) record: Vec<u8>,
    pub(super) chunks: Option<String>,
}

impl Found {
    /// Reads what the database gave; nothing where it gave `undefined`.
    pub(super) fn read(value: &JsValue) -> Result<Option<Self>, Error> {
        if value.is_undefined() {
            return Ok(None);
        }
        let chunks = chunks_of(value);
        let record = value.unchecked_ref::<Value>().record();
        let record =
            record.dyn_ref::<Uint8Array>().ok_or_else(|| corrupt("something else is in its place"))?;
        let record = record.to_vec();
        Ok(Some(Self { head: Head::open(&record)?, record, chunks }))
    }
}

/// What the database shall keep under a key.
pub(super) fn value(key: &Key, record: &[u8], chunks: Option<&str>) -> JsValue {
    let value: Value = js_sys::Object::new().unchecked_into();
    value.set_key(&key.hex());
    value.set_record(&sys::bytes(record));
    if let Some(chunks) = chunks {
        value.set_chunks(chunks);
    }
    value.into()
}

/// The name under which the content of a value lies apart.
pub(super) fn chunks_of(value: &JsValue) -> Option<String> {
    (!value.is_undefined()).then(|| value.unchecked_ref::<Value>().chunks().as_string()).flatten()
}
