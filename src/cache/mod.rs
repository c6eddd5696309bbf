//! What was read lately, in memory, in front of any storage.

mod entries;
mod options;
mod state;
mod writer;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::{AsyncReadExt, FutureExt, future::Shared as SharedFuture, io::Cursor};

#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use self::entries::{Cached, Known};
#[cfg(not(all(feature = "js", target_arch = "wasm32", target_os = "unknown")))]
use self::entries::{Cached, Known};
pub use self::options::CacheOptions;
use self::{
    state::{Change, Fill, Filled, Filling, State, WideChange},
    writer::CachingWriter,
};
use crate::{
    channel::{SessionReader, SessionWriter},
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::Timeout,
    id::SessionId,
    maybe_send::BoxFuture,
    session::{Capabilities, Committed, IfRevision, SessionInfo, StorageStats, Tags, WriteOptions},
    storage::SessionStorage,
};

/// Keeps what was read and written lately in memory, in front of another storage.
///
/// A read that finds its session here costs the delegate nothing; many who miss the same session at once cost it one
/// call. A write goes to the delegate first, and is kept when that has committed it. What a session was before a
/// write, a touch or an invalidate never comes back, whichever reads were under way meanwhile.
///
/// # What others do
/// Conditional writes (C5) and the finality of an invalidate (C4) are the delegate's own work, also between
/// processes. But what *another* process wrote or invalidated is seen here only when the entry leaves: after
/// [`absolute_timeout`](CacheOptions::absolute_timeout) at the latest, which is one minute over a shared storage. So a
/// cache does not declare itself `shared`. [`forget`](Self::forget) is for those who are told of changes in another way.
/// A storage without conditional writes counts as shared here: it does not know of others who write.
///
/// # A delegate that hangs
/// The cache has no timers: a call ends when the delegate answers or its caller drops it. But a read that comes ten seconds after
/// the one that it would wait with asks the delegate anew.
///
/// Modelled on Ktor's `CacheStorage`. Closing it closes the delegate.
///
/// ```
/// use sessile::{CacheOptions, CacheStorage, Error, SessionId, SessionStorage, SessionStorageMemory, WriteOptions};
///
/// # futures::executor::block_on(async {
/// let storage = CacheStorage::new(SessionStorageMemory::new(), CacheOptions::new())?;
/// let id = SessionId::generate()?;
/// storage.set(&id, "hello".into(), WriteOptions::new()).await?;
/// assert_eq!(storage.get(&id).await?.map(|(content, _)| content), Some("hello".into()));
/// assert_eq!(storage.cache_stats()?.hits, 1);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct CacheStorage<S> {
    delegate: Arc<S>,
    state: Arc<State>,
}

/// What a cache holds, and has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads that were answered from memory.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
    /// Calls of the delegate that the misses came to; fewer than these where several wanted the same.
    pub fills: u64,
    /// Entries that made room for others.
    pub evicted: u64,
    /// Entries held now; those that are too old count until they are met or swept.
    pub sessions: u64,
    /// Bytes held now: of ids, contents and tags.
    pub bytes: u64,
}

impl<S: SessionStorage + 'static> CacheStorage<S> {
    /// Puts a cache in front of a storage.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for a timeout or a bound of zero, or a timeout of more than
    /// 100 years.
    pub fn new(delegate: S, options: CacheOptions) -> Result<Self, Error> {
        let state = State::new(options, is_shared(&delegate))?;
        Ok(Self { delegate: Arc::new(delegate), state: Arc::new(state) })
    }

    /// Drops what is kept of a session, which somebody else has changed: the next read asks the delegate.
    pub fn forget(&self, id: &SessionId) -> Result<(), Error> {
        self.state.forget(id.as_str())
    }

    /// Drops all that is kept.
    pub fn forget_all(&self) -> Result<(), Error> {
        self.state.forget_all()
    }

    /// How well it does.
    pub fn cache_stats(&self) -> Result<CacheStats, Error> {
        self.state.stats()
    }

    #[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// What is kept of a session that there is or is not; `None` where the delegate must be asked.
    fn hit(&self, id: &SessionId) -> Result<Option<Known>, Error> {
        let now = self.state.now()?;
        self.state.hit(id.as_str(), now, Known::clone)
    }

    /// The fill of this session that is under way, or one that starts here.
    fn fill(&self, id: &SessionId, whole: bool) -> Result<SharedFuture<Fill>, Error> {
        let as_of = self.state.now()?;
        self.state.join(id, as_of, |number| {
            let (state, delegate, id) = (Arc::clone(&self.state), Arc::clone(&self.delegate), id.clone());
            // Made here, so that it goes with a fill that is never polled as well.
            let filling = Filling::begin(&state, &id, number);
            let fill: Fill = Box::pin(async move {
                let asked = async {
                    let answer = if whole {
                        ask_whole(&*delegate, &id, as_of, &state).await?
                    } else {
                        ask_stream(&*delegate, &id, as_of, &state).await?
                    };
                    filling.answered(&answer, as_of);
                    Ok(answer)
                };
                asked.await.map_err(Arc::new)
            });
            fill.shared()
        })
    }

    /// The cached session that a write would only write again.
    fn equal(&self, id: &SessionId, content: &[u8], options: &WriteOptions) -> Result<Option<Cached>, Error> {
        if !self.state.options().skip_equal_writes || is_shared(&*self.delegate) {
            return Ok(None);
        }
        let now = self.state.now()?;
        let cached = self.state.peek(id.as_str(), now, |known| known.session().cloned())?.flatten();
        Ok(cached.filter(|cached| {
            let condition = match &options.condition {
                IfRevision::Any => true,
                IfRevision::Is(revision) => *revision == cached.info.revision,
                IfRevision::Absent => false,
            };
            let kept = options.idle == Timeout::Keep && options.absolute == Timeout::Keep;
            let tags = options.tags.as_ref().is_none_or(|tags| *tags == cached.info.tags);
            condition && kept && tags && cached.content == content
        }))
    }

    /// A touch, which renews what is cached too. Says whether there was a session, and gives back what is cached.
    async fn renew(&self, id: &SessionId) -> Result<(bool, Option<Cached>), Error> {
        let now = self.state.now()?;
        let (change, cached) = Change::touch(&self.state, id, now)?;
        if !self.delegate.touch(id).await? {
            return Ok((false, None));
        }
        let renewed = cached.map(|mut cached| {
            cached.info.expires_at = renewed(&cached.info, now);
            change.done(cached.clone(), now);
            cached
        });
        Ok((true, renewed))
    }
}

/// Whether others may write without the delegate's knowing.
fn is_shared(delegate: &impl SessionStorage) -> bool {
    let Capabilities { shared, conditional, .. } = delegate.capabilities();
    shared || !conditional
}

/// When a session ends that has just been touched, unless the delegate has ignored it.
fn renewed(info: &SessionInfo, now: Timestamp) -> Option<Timestamp> {
    let after = |begin: Timestamp, timeout: Option<std::time::Duration>| {
        let millis = u64::try_from(timeout?.as_millis()).unwrap_or(u64::MAX);
        Some(Timestamp::from_millis(begin.as_millis().saturating_add(millis)))
    };
    // Without an idle timeout nothing is renewed; or the delegate does not tell of one, and nobody knows by how much.
    let Some(idle) = after(now, info.idle_timeout) else { return info.expires_at };
    let end = after(info.created_at, info.absolute_timeout).map_or(idle, |end| end.min(idle));
    // A clock that went back takes nothing away.
    Some(end).max(info.expires_at)
}

const MOST_BELIEVED: u64 = 1024 * 1024;

async fn ask_whole(
    delegate: &impl SessionStorage,
    id: &SessionId,
    as_of: Timestamp,
    state: &State,
) -> Result<Filled, Error> {
    let Some((content, info)) = delegate.get(id).await? else { return Ok(Filled::Missing) };
    // A copy, since it may be a small part of something large, which would stay with it.
    let is_kept = state.is_kept(content.len() as u64);
    let content = if is_kept { Bytes::copy_from_slice(&content) } else { content };
    Ok(Filled::Session(Cached::new(content, info, as_of)))
}

/// Reads no more than the cache would keep.
async fn ask_stream(
    delegate: &impl SessionStorage,
    id: &SessionId,
    as_of: Timestamp,
    state: &State,
) -> Result<Filled, Error> {
    let too_large = |reader| Filled::TooLarge(Arc::new(Mutex::new(Some(reader))));
    let Some(mut reader) = delegate.open(id).await? else { return Ok(Filled::Missing) };
    let length = reader.info().byte_length;
    if length.is_some_and(|length| !state.is_kept(length)) {
        return Ok(too_large(reader));
    }
    // Only so far is a length believed that nothing stands behind yet.
    let room = length.map_or(0, |length| length.min(MOST_BELIEVED));
    let mut content = Vec::with_capacity(usize::try_from(room).unwrap_or(0));
    let most = state.most_kept().saturating_add(1);
    (&mut reader).take(most).read_to_end(&mut content).await?;
    let info = reader.info().clone();
    Ok(if state.is_kept(content.len() as u64) {
        content.shrink_to_fit();
        Filled::Session(Cached::new(content.into(), info, as_of))
    } else {
        too_large(SessionReader::new(info, Cursor::new(content).chain(reader)))
    })
}

impl<S: SessionStorage + 'static> SessionStorage for CacheStorage<S> {
    fn capabilities(&self) -> Capabilities {
        // What others change is seen late.
        Capabilities { shared: false, ..self.delegate.capabilities() }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let found = match self.hit(id)? {
                Some(Known::Session(cached)) => Some(cached),
                Some(Known::Missing) => None,
                None => match self.fill(id, false)?.await.map_err(|error| error.duplicate())? {
                    Filled::Missing => None,
                    Filled::Session(cached) => Some(cached),
                    Filled::TooLarge(reader) => {
                        let reader = reader.lock().unwrap_or_else(PoisonError::into_inner).take();
                        if reader.is_some() {
                            return Ok(reader);
                        }
                        let found = self.delegate.open(id).await?;
                        self.state.told(id, found.as_ref().map(|reader| &reader.info().revision));
                        return Ok(found);
                    }
                },
            };
            Ok(found.map(|cached| SessionReader::new(cached.info, Cursor::new(cached.content))))
        })
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let found = match self.hit(id)? {
                Some(Known::Session(cached)) => Some(cached),
                Some(Known::Missing) => None,
                None => match self.fill(id, true)?.await.map_err(|error| error.duplicate())? {
                    Filled::Missing => None,
                    Filled::Session(cached) => Some(cached),
                    Filled::TooLarge(_) => {
                        let found = self.delegate.get(id).await?;
                        self.state.told(id, found.as_ref().map(|(_, info)| &info.revision));
                        return Ok(found);
                    }
                },
            };
            Ok(found.map(|cached| (cached.content, cached.info)))
        })
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move {
            let now = self.state.now()?;
            match self.state.peek(id.as_str(), now, Known::clone)? {
                Some(Known::Session(cached)) => Ok(Some(cached.info)),
                Some(Known::Missing) => Ok(None),
                None => {
                    let info = self.delegate.info(id).await?;
                    self.state.told(id, info.as_ref().map(|info| &info.revision));
                    Ok(info)
                }
            }
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            self.state.check_open()?;
            let writer = self.delegate.begin(id, options).await?;
            Ok(SessionWriter::new(CachingWriter::new(&self.state, id, writer)))
        })
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            // Another thread may have written in between: then what was touched is not what was found equal.
            if let Some(equal) = self.equal(id, &content, &options)? {
                match self.renew(id).await {
                    Ok((true, Some(renewed))) if renewed.info.revision == equal.info.revision => {
                        return Ok(renewed.info.into());
                    }
                    Err(error) if error.kind() != ErrorKind::Unsupported => return Err(error),
                    _ => {}
                }
            }
            let as_of = self.state.now()?;
            let change = Change::write(&self.state, id)?;
            // A copy, since the caller's may be a small part of something large, which would stay with it.
            let kept = self.state.is_kept(content.len() as u64).then(|| Bytes::copy_from_slice(&content));
            let committed = self.delegate.set(id, content, options).await?;
            if let (Some(info), Some(content)) = (&committed.info, kept) {
                change.done(Cached::new(content, info.clone(), as_of), as_of);
            }
            Ok(committed)
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { self.renew(id).await.map(|(there, _)| there) })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let _change = Change::end(&self.state, id)?;
            self.delegate.invalidate(id).await
        })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move {
            self.state.check_open()?;
            self.delegate.list_tagged(tag).await
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            // Others may have given the tag to sessions that are kept here without it.
            let known = (!is_shared(&*self.delegate)).then(|| tag.to_owned());
            let _change = WideChange::begin(&self.state, known)?;
            self.delegate.invalidate_tagged(tag).await
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            self.state.sweep(self.state.now()?)?;
            self.delegate.sweep().await
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async move {
            self.state.check_open()?;
            self.delegate.stats().await
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.state.close();
        self.delegate.close()
    }
}

impl<S> Clone for CacheStorage<S> {
    fn clone(&self) -> Self {
        Self { delegate: Arc::clone(&self.delegate), state: Arc::clone(&self.state) }
    }
}

impl<S: fmt::Debug> fmt::Debug for CacheStorage<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CacheStorage").field("delegate", &self.delegate).finish_non_exhaustive()
    }
}
