//! Sessions in the process's own memory.

mod body;
mod content;
mod index;
mod options;
mod payload;
mod recency;
mod shared;
mod slots;
mod table;
mod writer;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::future::lazy;

#[cfg(not(all(feature = "js", target_arch = "wasm32", target_os = "unknown")))]
use self::{content::Content, shared::Shared};
pub use self::{options::MemoryOptions, table::WhenFull};
use self::{payload::PayloadReader, writer::MemoryWriter};
use crate::{
    channel::{SessionReader, SessionWriter},
    error::Error,
    id::SessionId,
    maybe_send::{BoxFuture, MaybeSend},
    session::{Capabilities, Committed, SessionInfo, StorageStats, Tags, WriteOptions},
    storage::SessionStorage,
};

#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use self::{
    content::Content,
    shared::Shared,
    table::{Condition, Session, Table, Terms},
};

/// Keeps sessions in memory: fast, bounded, and gone with the process.
///
/// Cloning makes another handle to the same sessions. Nothing runs in the background: expired sessions are
/// never returned, and each write looks at two others to free those that have expired.
///
/// ```
/// use std::time::Duration;
/// use sessile::{Error, MemoryOptions, SessionId, SessionStorage, SessionStorageMemory, WriteOptions};
///
/// # futures::executor::block_on(async {
/// let storage = SessionStorageMemory::with_options(
///     MemoryOptions::new().idle_timeout(Duration::from_secs(30 * 60)).max_sessions(100_000),
/// )?;
/// let id = SessionId::generate()?;
/// storage.set(&id, "hello".into(), WriteOptions::new()).await?;
/// assert!(storage.invalidate(&id).await?);
/// assert!(storage.get(&id).await?.is_none());
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SessionStorageMemory {
    shared: Arc<Shared>,
}

impl SessionStorageMemory {
    /// A storage without bounds or timeouts of its own.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared::new(MemoryOptions::new().into_parts())) }
    }

    /// A storage with bounds, timeouts, or a clock of its own.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for a timeout or a bound of zero, or a timeout of more
    /// than 100 years.
    pub fn with_options(options: MemoryOptions) -> Result<Self, Error> {
        options.check()?;
        Ok(Self { shared: Arc::new(Shared::new(options.into_parts())) })
    }

    #[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Default for SessionStorageMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SessionStorageMemory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionStorageMemory").finish_non_exhaustive()
    }
}

impl SessionStorage for SessionStorageMemory {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: false, shared: false }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            self.shared.with(|table| {
                let lineage = table.lineage();
                let found = table.get(id.as_str(), now);
                Ok(found.map(|session| {
                    let payload = session.payload();
                    SessionReader::new(session.info(lineage), PayloadReader::new(payload))
                }))
            })
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        answer(move || {
            let writer = MemoryWriter::begin(&self.shared, id.clone(), &options)?;
            Ok(SessionWriter::new(writer))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            self.shared.with(|table| Ok(table.touch(id.as_str(), now)))
        })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            self.shared.invalidate(id.as_str(), now)
        })
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            self.shared.with(|table| {
                let lineage = table.lineage();
                Ok(table.peek(id.as_str(), now).map(|session| session.info(lineage)))
            })
        })
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            let found = self.shared.with(|table| {
                let lineage = table.lineage();
                let found = table.get(id.as_str(), now);
                Ok(found.map(|session| (session.payload(), session.info(lineage))))
            })?;
            Ok(found.map(|(payload, info)| (payload.to_bytes(), info)))
        })
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            let content = Content::whole(&content);
            self.shared.with(|table| {
                let terms = table.terms(&options)?;
                table.commit(id.as_str(), content, &terms, now)
            })
        })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        answer(move || {
            Tags::check(tag)?;
            let now = self.shared.now()?;
            self.shared.with(|table| {
                let lineage = table.lineage();
                let sessions = table.tagged(tag, now);
                Ok(sessions.into_iter().map(|session| session.info(lineage)).collect())
            })
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        answer(move || {
            Tags::check(tag)?;
            let now = self.shared.now()?;
            self.shared.invalidate_tagged(tag, now)
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        answer(move || {
            let now = self.shared.now()?;
            self.shared.with(|table| Ok(table.sweep(now)))
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        answer(move || self.shared.with(|table| Ok(table.stats())))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        answer(move || {
            self.shared.close();
            Ok(())
        })
    }
}

/// A call that never waits, made when it is first polled.
fn answer<'a, T: MaybeSend + 'a>(
    call: impl FnOnce() -> Result<T, Error> + MaybeSend + 'a,
) -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(lazy(|_| call()))
}
