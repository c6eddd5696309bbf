//! A folder by `node:fs`, which Node, Deno and Bun have. The package's `folder.ts` is its other half.
//!
//! A call answers with a value, or with a promise of one: the host decides, and a call that it answers at once costs
//! no turn of the event loop.

use std::{fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use js_sys::{Array, Error as JsError, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{
    DirectoryOptions, DirectoryStorage,
    files::{File, Files, Mode, Opened},
    folder::Folder,
};
use crate::{error::Error, maybe_send::BoxFuture};

#[wasm_bindgen]
extern "C" {
    /// The host's files. What a call throws has the `code` of a system error.
    pub type HostFiles;

    /// Undefined where there is no file, else its first bytes, or a [`HostOpened`].
    #[wasm_bindgen(method, catch)]
    fn open(this: &HostFiles, path: &str, most: usize, update: bool) -> Result<JsValue, JsValue>;

    /// The bytes are a view of wasm memory: they are good until the call answers.
    #[wasm_bindgen(method, catch)]
    fn create(this: &HostFiles, path: &str, bytes: &[u8], sync: bool) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn enter(this: &HostFiles, folder: &str, path: &str, sync: bool) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn stage(this: &HostFiles, folder: &str, path: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn rename(this: &HostFiles, from: &str, to: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn link(this: &HostFiles, from: &str, to: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn copy(this: &HostFiles, from: &str, to: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn remove(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = removeAll)]
    fn remove_all(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = makeFolder)]
    fn make_folder(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    /// Undefined where there is no folder.
    #[wasm_bindgen(method, catch)]
    fn list(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    /// In milliseconds.
    #[wasm_bindgen(method, catch)]
    fn age(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = isThere)]
    fn is_there(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = syncFolder)]
    fn sync_folder(this: &HostFiles, path: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn pause(this: &HostFiles, millis: f64) -> Promise;

    /// In milliseconds.
    #[wasm_bindgen(method)]
    fn elapsed(this: &HostFiles) -> f64;

    #[wasm_bindgen(method, js_name = renameNow)]
    fn rename_now(this: &HostFiles, from: &str, to: &str);

    #[wasm_bindgen(method, js_name = removeNow)]
    fn remove_now(this: &HostFiles, path: &str);

    /// The beginning of a file that is kept open.
    type HostOpened;

    #[wasm_bindgen(method, getter)]
    fn start(this: &HostOpened) -> Uint8Array;

    #[wasm_bindgen(method, getter)]
    fn length(this: &HostOpened) -> f64;

    #[wasm_bindgen(method, getter)]
    fn file(this: &HostOpened) -> HostFile;

    /// An open file.
    type HostFile;

    #[wasm_bindgen(method, catch, js_name = readAt)]
    fn read_at(this: &HostFile, at: f64, length: usize) -> Result<JsValue, JsValue>;

    /// The bytes are a view, as of [`HostFiles::create`].
    #[wasm_bindgen(method, catch, js_name = writeAt)]
    fn write_at(this: &HostFile, at: f64, bytes: &[u8], end: bool) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = writeNoted)]
    fn write_noted(
        this: &HostFile,
        at: f64,
        bytes: &[u8],
        path: &str,
        note: &str,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn sync(this: &HostFile) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn close(this: &HostFile);
}

impl DirectoryStorage {
    /// Keeps sessions in a folder of the host's, which the first write makes if it is not there.
    pub(crate) fn in_host_folder(
        files: HostFiles,
        root: &str,
        options: DirectoryOptions,
    ) -> Result<Self, Error> {
        let folder = Folder::new(Arc::new(files), root, options.durability)?;
        Self::on(Box::new(folder), options)
    }
}

/// Waits for what the host answered, if it must be waited for.
async fn settle(answer: Result<JsValue, JsValue>) -> io::Result<JsValue> {
    match answer.map(JsCast::dyn_into::<Promise>) {
        Ok(Ok(promise)) => JsFuture::from(promise).await.map_err(|error| system_error(&error)),
        Ok(Err(value)) => Ok(value),
        Err(error) => Err(system_error(&error)),
    }
}

fn done<'a>(answer: Result<JsValue, JsValue>) -> BoxFuture<'a, io::Result<()>> {
    Box::pin(async { settle(answer).await.map(drop) })
}

/// By its code: the message holds a path, and that a key.
fn system_error(error: &JsValue) -> io::Error {
    let code = Reflect::get(error, &"code".into()).ok().and_then(|code| code.as_string()).unwrap_or_default();
    let kind = match &*code {
        "ENOENT" => io::ErrorKind::NotFound,
        "EEXIST" => io::ErrorKind::AlreadyExists,
        "ENOTEMPTY" => io::ErrorKind::DirectoryNotEmpty,
        "ENOSPC" => io::ErrorKind::StorageFull,
        "EDQUOT" => io::ErrorKind::QuotaExceeded,
        // A link, a folder, or a pipe in a file's place.
        "ELOOP" | "EISDIR" | "ENXIO" | "ESPIPE" => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    let words = match error.dyn_ref::<JsError>() {
        _ if !code.is_empty() => code,
        Some(error) => String::from(error.name()),
        None => "the host's files failed".to_owned(),
    };
    io::Error::new(kind, words)
}

impl Files for HostFiles {
    fn open<'a>(
        &'a self,
        path: &'a str,
        most: usize,
        mode: Mode,
    ) -> BoxFuture<'a, io::Result<Option<Opened>>> {
        let coming = Coming(Some(Self::open(self, path, most, mode == Mode::Update)));
        Box::pin(async {
            let opened = coming.settled().await?;
            coming.take_over();
            if opened.is_undefined() {
                return Ok(None);
            }
            Ok(Some(match opened.dyn_into::<Uint8Array>() {
                Ok(start) => Opened { start: start.to_vec(), rest: None },
                Err(opened) => {
                    let opened: HostOpened = opened.unchecked_into();
                    let file = Box::new(OpenFile(opened.file())) as Box<dyn File>;
                    Opened { start: opened.start().to_vec(), rest: Some((whole(opened.length()), file)) }
                }
            }))
        })
    }

    fn create<'a>(&'a self, path: &'a str, bytes: Bytes, sync: bool) -> BoxFuture<'a, io::Result<()>> {
        done(Self::create(self, path, &bytes, sync))
    }

    fn enter<'a>(&'a self, folder: &'a str, path: &'a str, sync: bool) -> BoxFuture<'a, io::Result<()>> {
        done(Self::enter(self, folder, path, sync))
    }

    fn stage<'a>(&'a self, folder: &'a str, path: &'a str) -> BoxFuture<'a, io::Result<Box<dyn File>>> {
        let coming = Coming(Some(Self::stage(self, folder, path)));
        Box::pin(async {
            let file = coming.settled().await?;
            coming.take_over();
            Ok(Box::new(OpenFile(file.unchecked_into())) as Box<dyn File>)
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::rename(self, from, to))
    }

    fn link<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::link(self, from, to))
    }

    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::copy(self, from, to))
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::remove(self, path))
    }

    fn remove_all<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::remove_all(self, path))
    }

    fn make_folder<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::make_folder(self, path))
    }

    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<Option<Vec<String>>>> {
        let names = Self::list(self, path);
        Box::pin(async {
            let names = settle(names).await?.dyn_into::<Array>().ok();
            Ok(names.map(|names| names.iter().filter_map(|name| name.as_string()).collect()))
        })
    }

    fn age<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<Duration>> {
        let age = Self::age(self, path);
        Box::pin(async { Ok(millis(settle(age).await?.as_f64().unwrap_or_default())) })
    }

    fn is_there<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<bool>> {
        let there = Self::is_there(self, path);
        Box::pin(async { Ok(settle(there).await?.is_truthy()) })
    }

    fn sync_folder<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        done(Self::sync_folder(self, path))
    }

    fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
        let pause = Self::pause(self, time.as_secs_f64() * 1_000.0);
        Box::pin(async {
            // It only ever resolves.
            let _ = JsFuture::from(pause).await;
        })
    }

    fn elapsed(&self) -> Duration {
        millis(Self::elapsed(self))
    }

    fn rename_now(&self, from: &str, to: &str) {
        Self::rename_now(self, from, to);
    }

    fn remove_now(&self, path: &str) {
        Self::remove_now(self, path);
    }
}

impl fmt::Debug for HostFiles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HostFiles")
    }
}

/// A file that is being opened or made. Dropped before it is there, it is closed when it comes.
struct Coming(Option<Result<JsValue, JsValue>>);

impl Coming {
    async fn settled(&self) -> io::Result<JsValue> {
        settle(self.0.clone().unwrap_or(Ok(JsValue::UNDEFINED))).await
    }

    /// It has come, and is another's to close.
    fn take_over(mut self) {
        self.0 = None;
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        let Some(answer) = self.0.take() else { return };
        spawn_local(async {
            match settle(answer).await {
                Ok(file) if file.is_instance_of::<Uint8Array>() || !file.is_object() => {}
                Ok(file) => {
                    let opened = file.unchecked_ref::<HostOpened>().file();
                    if opened.is_undefined() {
                        file.unchecked_ref::<HostFile>().close();
                    } else {
                        opened.close();
                    }
                }
                Err(_) => {}
            }
        });
    }
}

struct OpenFile(HostFile);

impl File for OpenFile {
    fn read_at(&self, at: u64, length: usize) -> BoxFuture<'static, io::Result<Bytes>> {
        let bytes = self.0.read_at(offset(at), length);
        Box::pin(async { Ok(settle(bytes).await?.unchecked_into::<Uint8Array>().to_vec().into()) })
    }

    fn write_at(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>> {
        done(self.0.write_at(offset(at), &bytes, false))
    }

    fn write_noted(
        &self,
        at: u64,
        bytes: Bytes,
        path: &str,
        note: &str,
    ) -> BoxFuture<'static, io::Result<()>> {
        done(self.0.write_noted(offset(at), &bytes, path, note))
    }

    fn end_with(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>> {
        done(self.0.write_at(offset(at), &bytes, true))
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        done(self.0.sync())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[allow(clippy::cast_precision_loss)] // no file is longer than 2^53 bytes
fn offset(at: u64) -> f64 {
    at as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // lengths, which saturate
fn whole(number: f64) -> u64 {
    number as u64
}

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64((millis / 1_000.0).clamp(0.0, 1e12))
}
