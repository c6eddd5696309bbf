//! A whole storage made of two functions.

mod options;
mod writer;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures::io::Cursor;

pub use self::options::SimplifiedOptions;
use self::writer::RecordWriter;
use crate::{
    channel::{SessionReader, SessionWriter},
    clock::Timestamp,
    defaults::check_timeouts,
    error::{Error, ErrorKind},
    fence::Fences,
    id::SessionId,
    key::Key,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    record::{ACTIVITY_AT, HEADER, Head},
    seed::SeededState,
    session::{Capabilities, IfRevision, SessionInfo, StorageStats, WriteOptions},
    storage::SessionStorage,
    turns::{Turn, Turns},
};

/// What you write to get a whole storage: bytes in, bytes out, by key.
///
/// The key is the SHA-256 of the session's id in 64 lowercase hexadecimal digits, so it is safe as a file
/// name or a database key, and a leaked medium holds no usable id (C8). The bytes are a record with header
/// and checksum: store them as they are.
///
/// No two calls of `store` for one key overlap in this process. A `load` may come while a `store` is under way,
/// and must answer the old record or the new one, never a part. An implementation must not wait for a write of
/// the same session in the storage that calls it: that write waits in turn.
pub trait LoadStore: MaybeSend + MaybeSync {
    /// What was stored last under this key; `None` where nothing is.
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>>;

    /// Replaces what is under this key, or removes it (`None`; also where nothing is). When it resolves, the
    /// next `load` must see it. From `expires_at` on, the medium may remove it by itself.
    fn store<'a>(
        &'a self,
        key: &'a str,
        data: Option<Vec<u8>>,
        expires_at: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<(), Error>>;
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
///     SimplifiedSessionStorage, Timestamp, WriteOptions,
/// };
///
/// #[derive(Default)]
/// struct InAMap(Mutex<HashMap<String, Vec<u8>>>);
///
/// impl LoadStore for InAMap {
///     fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
///         Box::pin(async move { Ok(self.0.lock().unwrap().get(key).cloned()) })
///     }
///     fn store<'a>(
///         &'a self,
///         key: &'a str,
///         data: Option<Vec<u8>>,
///         _expires_at: Option<Timestamp>,
///     ) -> BoxFuture<'a, Result<(), Error>> {
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
        options.defaults.check()?;
        let closed = AtomicBool::new(false);
        let (fences, turns) = (Mutex::default(), Turns::new());
        let shared = Shared { medium, options, fences, turns, closed };
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
    fences: Mutex<Option<Fences>>,
    turns: Turns,
    closed: AtomicBool,
}

impl<L: LoadStore> Shared<L> {
    fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    fn refuse<T>(&self, what: &'static str) -> Result<T, Error> {
        self.check_open()?;
        Err(Error::unsupported(what))
    }

    fn with_fences<T>(&self, call: impl FnOnce(&mut Fences) -> T) -> Result<T, Error> {
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fences) = &mut *fences {
            return Ok(call(fences));
        }
        Ok(call(fences.insert(Fences::new(SeededState::random()?))))
    }

    /// Waits until nobody else changes this session. Only calls of the medium are made meanwhile.
    async fn turn(&self, id: &SessionId) -> Result<Turn<'_>, Error> {
        self.turns.wait(id).await
    }

    /// The stored record, unless it has expired.
    async fn load(&self, key: &str, now: Timestamp) -> Result<Stored, Error> {
        let Some(record) = self.medium.load(key).await? else { return Ok(Stored::Nothing) };
        let head = Head::open(&record)?;
        // A tombstone is none of this storage's own, but may come with the records of a folder.
        let is_live = head.is_session() && !head.lifetime.is_over(now);
        Ok(if is_live { Stored::Live(head, record) } else { Stored::Expired })
    }

    /// The live record. What has expired is removed, so that a clock that goes back cannot revive it.
    async fn find(&self, id: &SessionId) -> Result<Option<(Head, Vec<u8>)>, Error> {
        self.check_open()?;
        let now = self.options.defaults.now()?;
        let key = Key::of(id).hex();
        match self.load(&key, now).await? {
            Stored::Live(head, record) => Ok(Some((head, record))),
            Stored::Nothing => Ok(None),
            Stored::Expired => {
                let _turn = self.turn(id).await?;
                if let Stored::Expired = self.load(&key, now).await? {
                    self.medium.store(&key, None, None).await?;
                }
                Ok(None)
            }
        }
    }
}

enum Stored {
    Nothing,
    Expired,
    Live(Head, Vec<u8>),
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
            Ok(found.map(|(head, record)| (head.content_in(&record.into()), head.info())))
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
            check_timeouts(&options)?;
            let mark = shared.with_fences(|fences| fences.enter(id))?;
            Ok(SessionWriter::new(RecordWriter {
                shared: Arc::clone(shared),
                id: id.clone(),
                mark,
                options,
                content: Vec::new(),
            }))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let now = self.shared.options.defaults.now()?;
            let key = Key::of(id).hex();
            let _turn = self.shared.turn(id).await?;
            let medium = &self.shared.medium;
            match self.shared.load(&key, now).await? {
                Stored::Nothing => Ok(false),
                Stored::Expired => medium.store(&key, None, None).await.map(|()| false),
                Stored::Live(mut head, mut record) => {
                    head.lifetime.touch(now);
                    record[ACTIVITY_AT..HEADER].copy_from_slice(&head.activity());
                    medium.store(&key, Some(record), head.lifetime.expires_at()).await.map(|()| true)
                }
            }
        })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let now = self.shared.options.defaults.now()?;
            let key = Key::of(id).hex();
            self.shared.with_fences(|fences| fences.raise(id.as_str()))?;
            let _turn = self.shared.turn(id).await?;
            // A damaged record is no session, but it goes all the same.
            let there = match self.shared.load(&key, now).await {
                Ok(stored) => matches!(stored, Stored::Live(..)),
                Err(error) if error.kind() == ErrorKind::Corrupt => false,
                Err(error) => return Err(error),
            };
            self.shared.medium.store(&key, None, None).await?;
            // Also those that began while the medium was at work.
            self.shared.with_fences(|fences| fences.raise(id.as_str()))?;
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

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::{executor::block_on, future::join_all, pending, poll};

    use super::*;

    /// A medium that keeps nothing and takes its time.
    struct Slow;

    impl LoadStore for Slow {
        fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
            Box::pin(async { Ok(None) })
        }

        fn store<'a>(
            &'a self,
            _: &'a str,
            _: Option<Vec<u8>>,
            _: Option<Timestamp>,
        ) -> BoxFuture<'a, Result<(), Error>> {
            Box::pin(async {
                pending!();
                Ok(())
            })
        }
    }

    #[test]
    fn c6_turns_are_forgotten_by_those_who_had_them_and_those_who_gave_up() -> Result<(), Error> {
        let storage = SimplifiedSessionStorage::new(Slow, SimplifiedOptions::new())?;
        let id = SessionId::new("id")?;
        let turns = || storage.shared.turns.count();
        block_on(async {
            let set = |_| storage.set(&id, Bytes::new(), WriteOptions::new());
            let mut first = set(0);
            let mut waiting = join_all((0..3).map(set));
            assert!(poll!(&mut first).is_pending() && poll!(&mut waiting).is_pending());
            assert_eq!(turns(), 1);
            drop(waiting);
            assert_eq!(turns(), 1, "the turn of one at work is gone");
            assert!(poll!(&mut first).is_ready());
            assert_eq!(turns(), 0);
            let mut given_up = set(0);
            assert!(poll!(&mut given_up).is_pending());
            drop(given_up);
            assert_eq!(turns(), 0);
            Ok(())
        })
    }

    #[test]
    fn c4_a_write_that_begins_during_an_invalidate_is_stopped_too() -> Result<(), Error> {
        let storage = SimplifiedSessionStorage::new(Slow, SimplifiedOptions::new())?;
        let id = SessionId::new("id")?;
        block_on(async {
            let mut invalidate = storage.invalidate(&id);
            assert!(poll!(&mut invalidate).is_pending());
            let writer = storage.begin(&id, WriteOptions::new()).await?;
            assert!(poll!(&mut invalidate).is_ready());
            let commit = poll!(&mut Box::pin(writer.commit()));
            let stopped = matches!(commit, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Conflict);
            assert!(stopped, "the write goes on");
            Ok(())
        })
    }
}
