//! A record as the database keeps it: its bytes, and behind them the name of its chunks, where its content lies apart.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use super::sys;
use crate::{
    error::Error,
    record::{HEADER, Head, corrupt, says_apart},
};

/// How long the name of chunks is.
pub(super) const NAME: usize = 16;

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
        let value = value.dyn_ref::<Uint8Array>().ok_or_else(|| corrupt("something else is in its place"))?;
        let mut record = value.to_vec();
        let chunks = split_name(&mut record);
        Ok(Some(Self { head: Head::open(&record)?, record, chunks }))
    }
}

/// Takes the name of the chunks from behind a record that has them.
fn split_name(value: &mut Vec<u8>) -> Option<String> {
    let at = value.len().checked_sub(NAME).filter(|at| *at >= HEADER)?;
    says_apart(value).then(|| base16ct::lower::encode_string(&value.split_off(at)))
}

/// What the database shall keep under a key.
pub(super) fn value(record: &[u8], chunks: Option<&str>) -> JsValue {
    let mut name = [0; NAME];
    match chunks.and_then(|chunks| base16ct::lower::decode(chunks, &mut name).ok()) {
        Some(name) => sys::bytes(&[record, name].concat()).into(),
        None => sys::bytes(record).into(),
    }
}

/// The name under which the content of a value lies apart.
pub(super) fn chunks_of(value: &JsValue) -> Option<String> {
    split_name(&mut value.dyn_ref::<Uint8Array>()?.to_vec())
}
