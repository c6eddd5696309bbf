//! A user's `load` and `replace`.

use std::{fmt, sync::Arc};

use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};

use super::{
    clock::JsClock,
    error::{from_js, to_js},
    medium::settle,
    options::{limit, timeout},
    storage::StorageCore,
};
use crate::{
    clock::Timestamp,
    directory::{DirectoryOptions, DirectoryStorage, NewRecord, Records, VersionedRecord},
    error::{Error, ErrorKind},
    maybe_send::BoxFuture,
};

#[wasm_bindgen]
extern "C" {
    /// The records, as the package's `shared.ts` checks and hands them on.
    pub type RecordsObject;

    /// Null, or an object with `data` and `version`.
    #[wasm_bindgen(method, catch)]
    fn load(this: &RecordsObject, key: &str) -> Result<JsValue, JsValue>;

    /// The data is null for none; a length or a time of NaN is none.
    #[wasm_bindgen(method, catch)]
    fn replace(
        this: &RecordsObject,
        key: &str,
        version: JsValue,
        data: JsValue,
        byte_length: f64,
        expires_at: f64,
        tags: Array,
    ) -> Result<JsValue, JsValue>;

    /// The keys of those with a tag, or of those that have expired.
    #[wasm_bindgen(method, catch)]
    fn list(this: &RecordsObject, tag: Option<&str>, now: f64, limit: f64) -> Result<JsValue, JsValue>;

    /// An array of the number and the bytes.
    #[wasm_bindgen(method, catch)]
    fn count(this: &RecordsObject) -> Result<JsValue, JsValue>;
}

/// A storage over records, for `SharedSessionStorage`. Timeouts in milliseconds; infinity is none, for the limit too.
#[wasm_bindgen(js_name = recordStorage)]
#[allow(clippy::too_many_arguments)] // an object's fields, passed as numbers
pub fn record_storage(
    records: RecordsObject,
    tags: bool,
    durable: bool,
    idle: f64,
    absolute: f64,
    session_bytes: f64,
    clock: Function,
) -> Result<StorageCore, JsValue> {
    let options = DirectoryOptions::new()
        .idle_timeout(timeout(idle))
        .absolute_timeout(timeout(absolute))
        .max_session_bytes(limit(session_bytes))
        .clock(JsClock(clock));
    let storage = DirectoryStorage::in_records(JsRecords { records, tags }, durable, options);
    Ok(StorageCore::new(Arc::new(storage.map_err(|error| to_js(&error))?)))
}

struct JsRecords {
    records: RecordsObject,
    tags: bool,
}

impl JsRecords {
    fn list<'a>(
        &'a self,
        tag: Option<&'a str>,
        now: f64,
        limit: f64,
    ) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        Box::pin(async move {
            let found = settle(self.records.list(tag, now, limit)).await?;
            let keys: &Array = found.dyn_ref().ok_or_else(rubbish)?;
            keys.iter().map(|key| key.as_string().ok_or_else(rubbish)).collect()
        })
    }
}

impl Records for JsRecords {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<VersionedRecord>, Error>> {
        Box::pin(async move {
            let found = settle(self.records.load(key)).await?;
            if found.is_null() {
                return Ok(None);
            }
            let field = |name: &str| Reflect::get(&found, &name.into()).map_err(from_js);
            let data: Uint8Array = field("data")?.dyn_into().map_err(|_| rubbish())?;
            let version = field("version")?.as_string().ok_or_else(rubbish)?;
            Ok(Some(VersionedRecord { data: data.to_vec(), version }))
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        version: Option<&'a str>,
        record: Option<NewRecord>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let version = version.map_or(JsValue::NULL, JsValue::from);
            let tags = Array::new();
            let (mut data, mut byte_length, mut expires_at) = (JsValue::NULL, f64::NAN, f64::NAN);
            if let Some(record) = record {
                // Up to 2^53 milliseconds and bytes, which no session reaches.
                #[allow(clippy::cast_precision_loss)]
                {
                    byte_length = record.byte_length.map_or(f64::NAN, |length| length as f64);
                    expires_at = record.expires_at.map_or(f64::NAN, |time| time.as_millis() as f64);
                }
                for tag in record.tags.iter() {
                    tags.push(&tag.into());
                }
                data = Uint8Array::from(&record.data[..]).into();
            }
            let answer = self.records.replace(key, version, data, byte_length, expires_at, tags);
            settle(answer).await?.as_bool().ok_or_else(rubbish)
        })
    }

    fn has_tags(&self) -> bool {
        self.tags
    }

    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        self.list(Some(tag), f64::NAN, f64::NAN)
    }

    fn expired(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        #[allow(clippy::cast_precision_loss)] // a moment, and a small number
        self.list(None, now.as_millis() as f64, limit as f64)
    }

    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        Box::pin(async move {
            let counts: Array = settle(self.records.count()).await?.dyn_into().map_err(|_| rubbish())?;
            let number = |at: u32| counts.get(at).as_f64().ok_or_else(rubbish);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counted, and checked
            Ok((number(0)? as u64, number(1)? as u64))
        })
    }
}

/// What `shared.ts` hands on was checked there.
fn rubbish() -> Error {
    Error::new(ErrorKind::Storage, "the records answered what is no record")
}

impl fmt::Debug for JsRecords {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("JsRecords").finish_non_exhaustive()
    }
}
