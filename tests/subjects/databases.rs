//! IndexedDB databases, as media for the kit.

use std::sync::Arc;

use js_sys::{Promise, Uint8Array};
use sessile::{
    BoxFuture, Capabilities, DirectoryOptions, DirectoryStorage, Error, SessionId, SessionStorage,
    conformance::{Damage, Harness, Setup},
};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;

use super::key_of;

#[wasm_bindgen(inline_js = "
    function inStore(name, work) {
        return new Promise((resolve, reject) => {
            const opening = indexedDB.open(name);
            opening.onerror = () => reject(opening.error);
            opening.onsuccess = () => {
                const transaction = opening.result.transaction('records', 'readwrite');
                const records = transaction.objectStore('records');
                let answer;
                work(records, (value) => (answer = value));
                transaction.oncomplete = () => {
                    opening.result.close();
                    resolve(answer);
                };
                transaction.onabort = () => reject(transaction.error);
            };
        });
    }
    export function readRecord(name, key) {
        return inStore(name, (records, answer) => {
            records.get(key).onsuccess = (event) => answer(event.target.result);
        });
    }
    export function writeRecord(name, key, record) {
        return inStore(name, (records) => void records.put(record, key));
    }
")]
extern "C" {
    #[wasm_bindgen(js_name = readRecord)]
    fn read_record(name: &str, key: &str) -> Promise;

    #[wasm_bindgen(js_name = writeRecord)]
    fn write_record(name: &str, key: &str, record: Uint8Array) -> Promise;
}

/// A [`DirectoryStorage`] over a database for each medium.
pub(crate) struct Databases {
    name: String,
}

impl Databases {
    pub(crate) fn new() -> Self {
        // No other run of the tests in this browser has the same.
        Self { name: format!("sessile-test-{}", js_sys::Math::random()) }
    }

    fn medium(&self, medium: u64) -> String {
        format!("{}-{medium}", self.name)
    }
}

impl Harness for Databases {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: true, shared: true }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let options = DirectoryOptions::new()
                .clock(setup.clock)
                .idle_timeout(setup.idle)
                .absolute_timeout(setup.absolute)
                .max_session_bytes(setup.max_session_bytes.unwrap_or(u64::MAX));
            let storage = DirectoryStorage::in_database(&self.medium(setup.medium), options)?;
            Ok(Arc::new(storage) as Arc<dyn SessionStorage>)
        })
    }

    fn can_damage(&self) -> bool {
        true
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (name, key) = (self.medium(medium), key_of(id));
            let record = JsFuture::from(read_record(&name, &key)).await.unwrap();
            let mut record = record.unchecked_into::<Uint8Array>().to_vec();
            damage(&mut record);
            JsFuture::from(write_record(&name, &key, Uint8Array::from(&record[..]))).await.unwrap();
            Ok(())
        })
    }
}
