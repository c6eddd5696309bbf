//! The directory storage on its media.

use std::sync::Arc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::{
    clock::JsClock,
    error::to_js,
    options::{limit, timeout},
    storage::StorageCore,
};
use crate::{
    directory::{DirectoryOptions, DirectoryStorage, HostFiles},
    error::Error,
    session::Durability,
};

/// A storage in a folder of the host's. Timeouts in milliseconds; infinity is none, for the limit too.
#[wasm_bindgen(js_name = folderStorage)]
#[allow(clippy::too_many_arguments)] // an object's fields, passed as numbers
pub fn folder_storage(
    files: HostFiles,
    root: &str,
    idle: f64,
    absolute: f64,
    session_bytes: f64,
    strict: bool,
    clock: Function,
) -> Result<StorageCore, JsValue> {
    let options = options(idle, absolute, session_bytes, strict, clock);
    made(DirectoryStorage::in_host_folder(files, root, options))
}

/// A storage in an IndexedDB database. As [`folder_storage`].
#[wasm_bindgen(js_name = databaseStorage)]
pub fn database_storage(
    name: &str,
    idle: f64,
    absolute: f64,
    session_bytes: f64,
    strict: bool,
    clock: Function,
) -> Result<StorageCore, JsValue> {
    made(DirectoryStorage::in_database(name, options(idle, absolute, session_bytes, strict, clock)))
}

fn options(idle: f64, absolute: f64, session_bytes: f64, strict: bool, clock: Function) -> DirectoryOptions {
    DirectoryOptions::new()
        .idle_timeout(timeout(idle))
        .absolute_timeout(timeout(absolute))
        .max_session_bytes(limit(session_bytes))
        .durability(if strict { Durability::Strict } else { Durability::Relaxed })
        .clock(JsClock(clock))
}

fn made(storage: Result<DirectoryStorage, Error>) -> Result<StorageCore, JsValue> {
    storage.map(|storage| StorageCore::new(Arc::new(storage))).map_err(|error| to_js(&error))
}
