//! A whole storage made of two functions.

use std::{
    collections::HashMap,
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{AsyncWrite, io::Cursor};
use sha2::{Digest, Sha256};

use crate::{
    channel::{SessionReader, SessionWriter, StagedWrite},
    clock::{Clock, SystemClock, Timestamp},
    error::{Error, ErrorKind},
    expiry::{Lifetime, Millis, Timeout},
    fence::{Fences, Mark, fenced},
    id::SessionId,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    record::{HEADER, Header},
    seed::SeededState,
    session::{Capabilities, IfRevision, Revision, SessionInfo, StorageStats, WriteOptions},
    storage::SessionStorage,
};

/// What you write to get a whole storage: bytes in, bytes out, by key.
///
/// The key is the SHA-256 of the session's id in 64 lowercase hexadecimal digits, so it is safe as a file
/// name or a database key, and a leaked medium holds no usable id (C8). The bytes are a record with header
/// and checksum: store them as they are.
///
/// A call is not made while another `store` of the same key is under way in this process. An implementation
/// must not wait for a write of the same session in the storage that calls it: that write waits in turn.
pub trait LoadStore: MaybeSend + MaybeSync {
    /// What was stored last under this key; `None` where nothing is.
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>>;

    /// Replaces what is under this key, or removes it (`None`; also where nothing is). When it resolves, the
    /// next `load` must see it.
    fn store<'a>(&'a self, key: &'a str, data: Option<Vec<u8>>) -> BoxFuture<'a, Result<(), Error>>;
}

/// Limits, timeouts and promises of a [`SimplifiedSessionStorage`].
#[derive(Debug, Clone)]
pub struct SimplifiedOptions {
    idle: Timeout,
    absolute: Timeout,
    session_bytes: u64,
    exclusive: bool,
    durable: bool,
    clock: Arc<dyn Clock>,
}

impl SimplifiedOptions {
    /// No limits, no timeouts, a medium that others may use too.
    pub fn new() -> Self {
        Self {
            idle: Timeout::Never,
            absolute: Timeout::Never,
            session_bytes: u64::MAX,
            exclusive: false,
            durable: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// For sessions whose write does not say: they end when not written or touched for this long (C7).
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.idle = timeout.into();
        self
    }

    /// For sessions whose write does not say: they end this long after they were created (C7).
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.absolute = timeout.into();
        self
    }

    /// The largest content of one session (C10).
    #[must_use]
    pub fn max_session_bytes(mut self, bytes: u64) -> Self {
        self.session_bytes = bytes;
        self
    }

    /// Promises that nobody but this one storage object writes to the medium. Then conditional writes are
    /// offered (C5): two plain functions cannot make check and write one step for others. Without the promise
    /// C4 holds as well only for what goes through this object.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Declares that the medium outlives the process.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Where time comes from; [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl Default for SimplifiedOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A storage over a [`LoadStore`]: timeouts, revisions, checksums, and the order of calls are its work.
///
/// A session is whole in memory while it is written or read, and a touch stores it again; for large or busy
/// sessions implement [`SessionStorage`] itself. Expired sessions are removed when they are met; the medium
/// cannot be listed, so [`sweep`](SessionStorage::sweep) finds nothing.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
/// use sessile::{
///     BoxFuture, Error, LoadStore, SessionId, SessionStorage, SimplifiedOptions,
///     SimplifiedSessionStorage, WriteOptions,
/// };
///
/// #[derive(Default)]
/// struct InAMap(Mutex<HashMap<String, Vec<u8>>>);
///
/// impl LoadStore for InAMap {
///     fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
///         Box::pin(async move { Ok(self.0.lock().unwrap().get(key).cloned()) })
///     }
///     fn store<'a>(&'a self, key: &'a str, data: Option<Vec<u8>>) -> BoxFuture<'a, Result<(), Error>> {
///         Box::pin(async move {
///             let mut map = self.0.lock().unwrap();
///             match data {
///                 Some(data) => map.insert(key.into(), data),
///                 None => map.remove(key),
///             };
///             Ok(())
///         })
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let storage = SimplifiedSessionStorage::new(InAMap::default(), SimplifiedOptions::new())?;
/// let id = SessionId::generate()?;
/// storage.set(&id, "hello".into(), WriteOptions::new()).await?;
/// assert_eq!(storage.get(&id).await?.map(|(content, _)| content), Some("hello".into()));
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct SimplifiedSessionStorage<L> {
    shared: Arc<Shared<L>>,
}

impl<L: LoadStore + 'static> SimplifiedSessionStorage<L> {
    /// Makes a storage of a medium.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a timeout or a limit of zero, or a timeout of more than 100 years.
    pub fn new(medium: L, options: SimplifiedOptions) -> Result<Self, Error> {
        let idle = options.idle.resolve(Millis::NEVER)?;
        let absolute = options.absolute.resolve(Millis::NEVER)?;
        if options.session_bytes == 0 {
            return Err(Error::new(ErrorKind::InvalidOption, "a limit of zero keeps no session"));
        }
        let closed = AtomicBool::new(false);
        let shared = Shared { medium, options, idle, absolute, keys: Mutex::default(), closed };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl<L> Clone for SimplifiedSessionStorage<L> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<L> fmt::Debug for SimplifiedSessionStorage<L> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SimplifiedSessionStorage").finish_non_exhaustive()
    }
}

const NO_TAGS: &str = "this storage keeps no tags: see its capabilities";

struct Shared<L> {
    medium: L,
    options: SimplifiedOptions,
    idle: Millis,
    absolute: Millis,
    keys: Mutex<Option<Keys>>,
    closed: AtomicBool,
}

/// Who is at work on which session.
struct Keys {
    fences: Fences,
    turns: HashMap<SessionId, Arc<futures::lock::Mutex<()>>, SeededState>,
}

impl<L: LoadStore> Shared<L> {
    fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    fn refuse<T>(&self, what: &'static str) -> Result<T, Error> {
        self.check_open()?;
        Err(Error::unsupported(what))
    }

    fn with_keys<T>(&self, call: impl FnOnce(&mut Keys) -> T) -> Result<T, Error> {
        let mut keys: MutexGuard<'_, Option<Keys>> = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &mut *keys {
            return Ok(call(keys));
        }
        let hasher = SeededState::random()?;
        let fresh = Keys { fences: Fences::new(hasher), turns: HashMap::with_hasher(hasher) };
        Ok(call(keys.insert(fresh)))
    }

    /// Waits until nobody else changes this session. Only calls of the medium are made meanwhile.
    async fn turn(&self, id: &SessionId) -> Result<Turn<'_, L>, Error> {
        // Made first, so that it is dropped after the lock where this wait is given up.
        let mut this = Turn { shared: self, id: id.clone(), guard: None };
        let turn = self.with_keys(|keys| Arc::clone(keys.turns.entry(id.clone()).or_default()))?;
        this.guard = Some(turn.lock_owned().await);
        Ok(this)
    }

    /// The stored record, unless it has expired.
    async fn load(&self, key: &str, now: Timestamp) -> Result<Stored, Error> {
        let Some(record) = self.medium.load(key).await? else { return Ok(Stored::Nothing) };
        let header = Header::open(&record)?;
        Ok(if header.lifetime.is_over(now) { Stored::Expired } else { Stored::Live(header, record) })
    }

    /// The live record. What has expired is removed, so that a clock that goes back cannot revive it.
    async fn find(&self, id: &SessionId) -> Result<Option<(Header, Vec<u8>)>, Error> {
        self.check_open()?;
        let now = self.options.clock.now()?;
        let key = key_of(id);
        match self.load(&key, now).await? {
            Stored::Live(header, record) => Ok(Some((header, record))),
            Stored::Nothing => Ok(None),
            Stored::Expired => {
                let _turn = self.turn(id).await?;
                if let Stored::Expired = self.load(&key, now).await? {
                    self.medium.store(&key, None).await?;
                }
                Ok(None)
            }
        }
    }
}

enum Stored {
    Nothing,
    Expired,
    Live(Header, Vec<u8>),
}

/// The right to change one session. Given back when dropped.
struct Turn<'a, L> {
    shared: &'a Shared<L>,
    id: SessionId,
    guard: Option<futures::lock::OwnedMutexGuard<()>>,
}

impl<L> Drop for Turn<'_, L> {
    fn drop(&mut self) {
        self.guard = None;
        let mut keys = self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &mut *keys {
            // Those who wait hold the lock as well; the last one out forgets it.
            if keys.turns.get(&self.id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
                keys.turns.remove(&self.id);
            }
        }
    }
}

impl<L: LoadStore + 'static> SessionStorage for SimplifiedSessionStorage<L> {
    fn capabilities(&self) -> Capabilities {
        let SimplifiedOptions { exclusive, durable, .. } = self.shared.options;
        Capabilities {
            streams: false,
            conditional: exclusive,
            tags: false,
            durable,
            // Two plain functions cannot tell a write here of an invalidate elsewhere (C4).
            shared: false,
        }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let found = self.get(id).await?;
            Ok(found.map(|(content, info)| SessionReader::new(info, Cursor::new(content))))
        })
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let found = self.shared.find(id).await?;
            Ok(found.map(|(header, record)| {
                let content = Bytes::from(record).slice(HEADER..);
                let info = header.info(content.len());
                (content, info)
            }))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let shared = &self.shared;
            shared.check_open()?;
            if options.condition != IfRevision::Any && !shared.options.exclusive {
                return Err(Error::unsupported(
                    "this storage cannot write conditionally unless it is made exclusive",
                ));
            }
            if options.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
                return Err(Error::unsupported(NO_TAGS));
            }
            options.idle.resolve(Millis::NEVER)?;
            options.absolute.resolve(Millis::NEVER)?;
            let mark = shared.with_keys(|keys| keys.fences.enter(id))?;
            Ok(SessionWriter::new(RecordWriter {
                shared: Arc::clone(shared),
                id: id.clone(),
                mark,
                options,
                record: vec![0; HEADER],
            }))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let now = self.shared.options.clock.now()?;
            let key = key_of(id);
            let _turn = self.shared.turn(id).await?;
            let (data, there) = match self.shared.load(&key, now).await? {
                Stored::Nothing => return Ok(false),
                Stored::Expired => (None, false),
                Stored::Live(mut header, mut record) => {
                    header.lifetime.touch(now);
                    header.seal(&mut record);
                    (Some(record), true)
                }
            };
            self.shared.medium.store(&key, data).await?;
            Ok(there)
        })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let now = self.shared.options.clock.now()?;
            let key = key_of(id);
            self.shared.with_keys(|keys| keys.fences.raise(id.as_str()))?;
            let _turn = self.shared.turn(id).await?;
            // A damaged record is no session, but it goes all the same.
            let there = match self.shared.load(&key, now).await {
                Ok(stored) => matches!(stored, Stored::Live(..)),
                Err(error) if error.kind() == ErrorKind::Corrupt => false,
                Err(error) => return Err(error),
            };
            self.shared.medium.store(&key, None).await?;
            // Also those that began while the medium was at work.
            self.shared.with_keys(|keys| keys.fences.raise(id.as_str()))?;
            Ok(there)
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async move { self.shared.refuse("this storage cannot count what it holds") })
    }

    fn list_tagged<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move { self.shared.refuse(NO_TAGS) })
    }

    fn invalidate_tagged<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move { self.shared.refuse(NO_TAGS) })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move { self.shared.check_open().map(|()| 0) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.shared.closed.store(true, Ordering::SeqCst);
            Ok(())
        })
    }
}

/// Gathers a record: room for the header, then the content.
struct RecordWriter<L: LoadStore> {
    shared: Arc<Shared<L>>,
    id: SessionId,
    mark: Mark,
    options: WriteOptions,
    record: Vec<u8>,
}

impl<L: LoadStore> RecordWriter<L> {
    async fn publish(&mut self) -> Result<Revision, Error> {
        let shared = &self.shared;
        let now = shared.options.clock.now()?;
        let key = key_of(&self.id);
        let _turn = shared.turn(&self.id).await?;
        shared.check_open()?;
        let old = match shared.load(&key, now).await {
            Ok(Stored::Live(header, _)) => Some(header),
            Ok(Stored::Nothing | Stored::Expired) => None,
            // A whole new record heals a damaged one.
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let met = match &self.options.condition {
            IfRevision::Any => true,
            IfRevision::Absent => old.is_none(),
            IfRevision::Is(revision) => old.is_some_and(|old| old.revision() == *revision),
        };
        if !met {
            return Err(Error::new(
                ErrorKind::Conflict,
                "the session has moved on to another revision; read it again",
            ));
        }
        let kept =
            old.map_or((shared.idle, shared.absolute), |old| (old.lifetime.idle, old.lifetime.absolute));
        let idle = self.options.idle.resolve(kept.0)?;
        let absolute = self.options.absolute.resolve(kept.1)?;
        let mut lifetime = Lifetime::begin(now, idle, absolute);
        if let Some(old) = old {
            lifetime.created = old.lifetime.created;
            lifetime.touch(old.lifetime.active);
        }
        let header = Header::new(lifetime)?;
        let mut record = std::mem::take(&mut self.record);
        header.seal(&mut record);
        if shared.with_keys(|keys| keys.fences.is_raised(&self.id, self.mark))? {
            return Err(fenced());
        }
        shared.medium.store(&key, Some(record)).await?;
        Ok(header.revision())
    }
}

impl<L: LoadStore> AsyncWrite for RecordWriter<L> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let length = self.record.len() - HEADER + bytes.len();
        if length as u64 > self.shared.options.session_bytes {
            let error = Error::new(
                ErrorKind::TooLarge,
                "the content is larger than maxSessionBytes; store less, or raise the limit",
            );
            return Poll::Ready(Err(error.into()));
        }
        self.record.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<L: LoadStore + 'static> StagedWrite for RecordWriter<L> {
    fn commit(mut self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Revision, Error>> {
        Box::pin(async move { self.publish().await })
    }
}

// Nothing in it is pinned in place.
impl<L: LoadStore> Unpin for RecordWriter<L> {}

impl<L: LoadStore> Drop for RecordWriter<L> {
    fn drop(&mut self) {
        // Fails only where no write has begun, and this one had.
        let _ = self.shared.with_keys(|keys| keys.fences.leave(&self.id));
    }
}

fn key_of(id: &SessionId) -> String {
    let hash = Sha256::digest(id.as_str().as_bytes());
    base16ct::lower::encode_string(&hash)
}
