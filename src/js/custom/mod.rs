//! A storage that a user wrote in JavaScript, as the core sees one: so that a cache or a seal can stand in front of it.

mod reader;
mod writer;

use std::fmt;

use bytes::Bytes;
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;

use super::{
    error::from_js,
    options::{self, limit},
    storage::StorageCore,
};
use crate::{
    channel::{SessionReader, SessionWriter},
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::Timeout,
    id::SessionId,
    maybe_send::BoxFuture,
    session::{Capabilities, Committed, IfRevision, Revision, SessionInfo, StorageStats, Tags, WriteOptions},
    storage::SessionStorage,
};

/// Makes a core of an object with `write`, `read` and `invalidate`; what else of a built-in storage's methods it has
/// is used as well. Its `listTagged` is an async iterable, which `list` makes an array of.
#[wasm_bindgen(js_name = customStorage)]
#[allow(clippy::fn_params_excessive_bools)] // an object's fields
pub fn custom_storage(
    object: Object,
    list: Function,
    streams: bool,
    conditional: bool,
    tags: bool,
    durable: bool,
    shared: bool,
) -> StorageCore {
    let capabilities = Capabilities { streams, conditional, tags, durable, shared };
    StorageCore::new(std::sync::Arc::new(CustomStorage { object, list, capabilities }))
}

struct CustomStorage {
    object: Object,
    list: Function,
    capabilities: Capabilities,
}

impl CustomStorage {
    fn method(&self, name: &str) -> Result<Option<Function>, Error> {
        let method = Reflect::get(&self.object, &name.into()).map_err(from_js)?;
        Ok(method.dyn_into().ok())
    }

    /// Calls a method that it must have for this.
    fn call(&self, name: &'static str, arguments: &[&JsValue]) -> Result<Promise, Error> {
        let method = self.method(name)?;
        let method = method.ok_or_else(|| Error::unsupported("the storage has no method for this"))?;
        let arguments: Array = arguments.iter().copied().collect();
        let answer = method.apply(&self.object, &arguments).map_err(from_js)?;
        Ok(Promise::resolve(&answer))
    }

    async fn ask(&self, name: &'static str, arguments: &[&JsValue]) -> Result<JsValue, Error> {
        JsFuture::from(self.call(name, arguments)?).await.map_err(from_js)
    }
}

impl SessionStorage for CustomStorage {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(reader::open(self, id))
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            if self.method("get")?.is_none() {
                let Some(mut reader) = self.open(id).await? else { return Ok(None) };
                let mut content = Vec::new();
                futures::AsyncReadExt::read_to_end(&mut reader, &mut content).await?;
                return Ok(Some((content.into(), reader.into_info())));
            }
            let found = self.ask("get", &[&id.as_str().into()]).await?;
            if found.is_undefined() || found.is_null() {
                return Ok(None);
            }
            let data = property(&found, "data")?.dyn_into::<Uint8Array>();
            let data =
                data.map_err(|_| rubbish("get() must resolve with { data, info }, and data be bytes"))?;
            Ok(Some((data.to_vec().into(), info(&property(&found, "info")?)?)))
        })
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move {
            if self.method("info")?.is_none() {
                return Ok(self.open(id).await?.map(SessionReader::into_info));
            }
            let found = self.ask("info", &[&id.as_str().into()]).await?;
            if found.is_undefined() || found.is_null() { Ok(None) } else { info(&found).map(Some) }
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(writer::begin(self, id, options))
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            if self.method("set")?.is_none() {
                let mut writer = self.begin(id, options).await?;
                futures::AsyncWriteExt::write_all(&mut writer, &content).await?;
                return writer.commit().await;
            }
            let content = Uint8Array::from(&content[..]);
            let asked = write_options(&options)?;
            committed(&self.ask("set", &[&id.as_str().into(), &content, &asked]).await?)
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.ask("touch", &[&id.as_str().into()]).await?.is_truthy()) })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.ask("invalidate", &[&id.as_str().into()]).await?.is_truthy()) })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move {
            let asked = self.list.call1(&JsValue::UNDEFINED, &tag.into()).map_err(from_js)?;
            let infos = JsFuture::from(Promise::resolve(&asked)).await.map_err(from_js)?;
            infos.unchecked_into::<Array>().iter().map(|each| info(&each)).collect()
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move { count(&self.ask("invalidateTagged", &[&tag.into()]).await?) })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            if self.method("sweep")?.is_none() {
                return Ok(0);
            }
            count(&self.ask("sweep", &[]).await?)
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async move {
            let stats = self.ask("stats", &[]).await?;
            Ok(StorageStats {
                sessions: count(&property(&stats, "sessions")?)?,
                bytes: count(&property(&stats, "bytes")?)?,
                evicted: count(&property(&stats, "evicted")?)?,
                expired: count(&property(&stats, "expired")?)?,
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.method("close")?.is_some() {
                self.ask("close", &[]).await?;
            }
            Ok(())
        })
    }
}

impl fmt::Debug for CustomStorage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CustomStorage").finish_non_exhaustive()
    }
}

fn property(object: &JsValue, name: &str) -> Result<JsValue, Error> {
    Reflect::get(object, &name.into()).map_err(|_| rubbish("the storage answered with no object"))
}

/// What a storage must not answer.
fn rubbish(what: &'static str) -> Error {
    Error::new(ErrorKind::Storage, what)
}

fn count(number: &JsValue) -> Result<u64, Error> {
    let number = number.as_f64().filter(|number| *number >= 0.0);
    number.map(limit).ok_or_else(|| rubbish("the storage answered with no count"))
}

fn committed(revision: &JsValue) -> Result<Committed, Error> {
    let revision = revision.as_string();
    let revision = revision.ok_or_else(|| rubbish("a write must resolve with its revision, a string"))?;
    Ok(Revision::new(revision).into())
}

/// What JavaScript's `SessionInfo` says.
fn info(object: &JsValue) -> Result<SessionInfo, Error> {
    let number = |name| -> Result<Option<f64>, Error> { Ok(property(object, name)?.as_f64()) };
    let time = |millis: f64| super::clock::timestamp(millis);
    let timeout = |millis: f64| std::time::Duration::from_millis(limit(millis));
    let revision = property(object, "revision")?.as_string();
    let revision = revision.ok_or_else(|| rubbish("a session's info must have a revision, a string"))?;
    let created: Timestamp = number("createdAt")?.map_or(Ok(Timestamp::default()), time)?;
    let mut info = SessionInfo::new(Revision::new(revision), created);
    info.byte_length = number("byteLength")?.map(limit);
    info.expires_at = number("expiresAt")?.map(time).transpose()?;
    info.idle_timeout = number("idleTimeout")?.map(timeout);
    info.absolute_timeout = number("absoluteTimeout")?.map(timeout);
    let tags = property(object, "tags")?;
    if let Some(tags) = tags.dyn_ref::<Array>() {
        info.tags = Tags::new(tags.iter().filter_map(|tag| tag.as_string()))?;
    }
    Ok(info)
}

/// A write's options as JavaScript's `WriteOptions`.
fn write_options(options: &WriteOptions) -> Result<Object, Error> {
    let object = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&object, &name.into(), &value).map_err(from_js);
    for (name, timeout) in [("idleTimeout", options.idle), ("absoluteTimeout", options.absolute)] {
        match timeout {
            Timeout::Keep => {}
            Timeout::Never => drop(set(name, JsValue::NULL)?),
            Timeout::After(duration) => drop(set(name, options::millis(Some(duration)).into())?),
        }
    }
    match &options.condition {
        IfRevision::Any => {}
        IfRevision::Absent => drop(set("ifRevision", JsValue::NULL)?),
        IfRevision::Is(revision) => drop(set("ifRevision", revision.as_str().into())?),
    }
    if let Some(tags) = &options.tags {
        set("tags", tags.iter().map(JsValue::from).collect::<Array>().into())?;
    }
    Ok(object)
}
