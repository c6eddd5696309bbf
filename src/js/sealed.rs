//! Encryption at rest over a storage of the package.

use std::sync::Arc;

use wasm_bindgen::prelude::*;

use super::{error::to_js, storage::StorageCore, ticket::secrets};
use crate::sealed::SealedStorage;

/// Seals what another storage keeps. The secrets are packed as `SignerCore`'s.
#[wasm_bindgen(js_name = sealedStorage)]
pub fn sealed_storage(delegate: &StorageCore, packed: Vec<u8>) -> Result<StorageCore, JsValue> {
    let sealed = secrets(packed).and_then(|secrets| SealedStorage::new(delegate.shared(), &secrets));
    sealed.map(|storage| StorageCore::new(Arc::new(storage))).map_err(|error| to_js(&error))
}
