//! A record as the database keeps it: its bytes, behind them the name of its chunks, where its content lies apart, and the key
//! with a checksum. So many values can be told from each other that were read without their keys.

use bytes::Bytes;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    error::Error,
    key::Key,
    record::{HEADER, Head, Sum, corrupt, says_apart},
};

/// How long the name of chunks is.
const NAME: usize = 16;
/// How long a key is, with its checksum.
const TRAILER: usize = 36;

/// What was found under a key: the head, and the record's bytes.
pub(super) struct Found {
    pub(super) head: Head,
    pub(super) record: Bytes,
    pub(super) chunks: Option<String>,
}

impl Found {
    /// Reads what is stored under this key, if anything is.
    pub(super) fn read(key: &Key, value: Option<&Bytes>) -> Result<Option<Self>, Error> {
        let Some(value) = value else { return Ok(None) };
        if key_of(value) != Some(&key.bytes()[..]) {
            return Err(corrupt("it is not that of its key"));
        }
        let chunks = chunks_of(value);
        let end = value.len() - TRAILER - if chunks.is_some() { NAME } else { 0 };
        let record = value.slice(..end);
        let open = if chunks.is_some() { Head::open_within_or_apart } else { Head::open };
        Ok(Some(Self { head: open(&record)?, record, chunks }))
    }
}

/// The bytes that the database gave; nothing where it gave `undefined`, and none where something else is in their place.
pub(super) fn stored(value: &JsValue) -> Option<Bytes> {
    if value.is_undefined() {
        return None;
    }
    Some(value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default().into())
}

/// The key that a value says it belongs to, if the value can be trusted in that.
pub(super) fn key_of(value: &[u8]) -> Option<&[u8]> {
    let (_, trailer) = value.split_at_checked(value.len().checked_sub(TRAILER)?)?;
    let (key, sum) = trailer.split_at(TRAILER - 4);
    (*sum == Sum::of(key).to_le_bytes()).then_some(key)
}

/// What the database shall keep under a key.
pub(super) fn value(key: &Key, mut record: Vec<u8>, chunks: Option<&str>) -> Bytes {
    let mut name = [0; NAME];
    if let Some(Ok(name)) = chunks.map(|chunks| base16ct::lower::decode(chunks, &mut name)) {
        record.extend_from_slice(name);
    }
    record.extend_from_slice(key.bytes());
    record.extend_from_slice(&Sum::of(key.bytes()).to_le_bytes());
    record.into()
}

/// The name under which the content of a value lies apart, be the value damaged or not.
pub(super) fn chunks_of(value: &Bytes) -> Option<String> {
    let at = value.len().checked_sub(TRAILER + NAME).filter(|at| *at >= HEADER)?;
    says_apart(value).then(|| base16ct::lower::encode_string(&value[at..at + NAME]))
}
