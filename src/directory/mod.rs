//! Sessions that outlive the process: in a folder, or in a browser's database.

mod content;
mod files;
mod folder;
mod medium;
mod options;
mod paths;
mod reader;
mod records;
mod survey;
mod token;
mod write;
mod writer;

#[cfg(all(feature = "fs", not(target_arch = "wasm32")))]
mod native;

#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
mod host;
#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
mod indexed_db;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt, io::Cursor};

#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use self::host::HostFiles;
use self::{
    medium::{Body, Change, Content, Current, Directory, PIECE, Record},
    reader::PiecesReader,
    write::Write,
    writer::ContentWriter,
};
pub use self::{
    options::DirectoryOptions,
    records::{NewRecord, Records, VersionedRecord},
};
use crate::{
    channel::{SessionReader, SessionWriter},
    clock::Timestamp,
    defaults::Defaults,
    error::{Error, ErrorKind},
    fence::Fences,
    id::SessionId,
    key::Key,
    maybe_send::BoxFuture,
    record::{Head, Lineage, Sum, corrupt},
    seed::SeededState,
    session::{Capabilities, Committed, Revision, SessionInfo, StorageStats, Tags, WriteOptions},
    storage::SessionStorage,
};

/// The most records that one call of [`sweep`](SessionStorage::sweep) looks at.
const SWEPT_AT_ONCE: usize = 1_024;
/// So many of them are removed before others get their turn.
const REMOVED_AT_ONCE: usize = 4;
/// So many writes pass until one of them looks at as many records for those that have expired.
const WRITES_PER_SWEEP: u64 = 16;

/// Keeps sessions where they outlive the process, for all who share the place: a folder.
///
/// Several processes, also a Node server with the npm package, may use one folder at the same time: a session is
/// always one whole revision, conditional writes are atomic between them, and an invalidate in one stops the
/// writes of all. A process that is killed at any instruction leaves nothing half done.
///
/// Each session is a record in a file of its own (`docs/format.md`), named by the SHA-256 of its id, for its owner alone
/// (0600). Every sixteenth write looks at sixteen records for those that have expired; call
/// [`sweep`](SessionStorage::sweep) to look at more of them.
///
/// A content of up to 64 KiB is handled as one value. A larger one is staged in a file of its own while it is
/// written, and read piece by piece: its checksum is known at the end, where a damaged one fails with
/// [`Corrupt`](ErrorKind::Corrupt) before its last piece is handed out.
#[derive(Clone)]
pub struct DirectoryStorage {
    shared: Arc<Shared>,
}

struct Shared {
    medium: Box<dyn Directory>,
    defaults: Defaults,
    fences: Mutex<Option<Fences>>,
    closed: AtomicBool,
    expired: AtomicU64,
    writes: AtomicU64,
}

impl DirectoryStorage {
    fn on(medium: Box<dyn Directory>, options: DirectoryOptions) -> Result<Self, Error> {
        options.defaults.check()?;
        let shared = Shared {
            medium,
            defaults: options.defaults,
            fences: Mutex::default(),
            closed: AtomicBool::new(false),
            expired: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for DirectoryStorage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("DirectoryStorage").finish_non_exhaustive()
    }
}

impl Shared {
    fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    fn with_fences<T>(&self, call: impl FnOnce(&mut Fences) -> T) -> Result<T, Error> {
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fences) = &mut *fences {
            return Ok(call(fences));
        }
        Ok(call(fences.insert(Fences::new(SeededState::random()?))))
    }

    /// The record under a key; what is damaged is put away, and reported once.
    async fn open(&self, key: &Key) -> Result<Option<Record>, Error> {
        let opened = self.medium.open(key).await;
        if opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::Corrupt)
            // What matters to the caller is the damage, not that it could not be put away.
            && self.quarantine(key, None).await.is_ok_and(|was_damaged| !was_damaged)
        {
            // Somebody was about to change it.
            return self.medium.open(key).await;
        }
        opened
    }

    /// Puts away what is damaged, if it still is for who has the turn; or what a reader found damaged, if it is still that
    /// revision. Says whether it was.
    async fn quarantine(&self, key: &Key, found: Option<&Revision>) -> Result<bool, Error> {
        let mut was_damaged = false;
        let mut decide = |_: Option<Lineage>, current: Current<'_>| {
            was_damaged = match current {
                Current::Damaged => true,
                Current::Record(head) => found.is_some_and(|found| *found == head.revision()),
                Current::Nothing => false,
            };
            Ok(if was_damaged { Change::Quarantine } else { Change::Leave })
        };
        // As for a touch, the whole of a small record is looked at.
        self.medium.change(key, &mut Content::Same, &mut decide).await?;
        Ok(was_damaged)
    }

    /// The live session under a key. What has expired is removed, so that a clock that goes back cannot revive it.
    async fn find(&self, key: &Key) -> Result<Option<Record>, Error> {
        self.check_open()?;
        let now = self.defaults.now()?;
        let Some(record) = self.open(key).await? else { return Ok(None) };
        if !record.head.lifetime.is_over(now) {
            return Ok(Some(record).filter(|record| record.head.is_session()));
        }
        drop(record);
        // A medium that cannot be written is read all the same.
        let _ = self.remove_over(key, now).await;
        Ok(None)
    }

    /// Removes what is over. Says whether it was a session.
    async fn remove_over(&self, key: &Key, now: Timestamp) -> Result<bool, Error> {
        let mut there = false;
        let mut decide = |_: Option<Lineage>, current: Current<'_>| {
            there =
                matches!(current, Current::Record(head) if head.is_session() && head.lifetime.is_over(now));
            current.removed_if_over(now)
        };
        self.medium.change(key, &mut Content::None, &mut decide).await?;
        if there {
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
        Ok(there)
    }

    /// Ends the session under a key (C4); given a tag, only a session that carries it. Says whether there was one.
    async fn end(&self, key: &Key, tag: Option<&str>) -> Result<bool, Error> {
        self.check_open()?;
        let now = self.defaults.now()?;
        let name = key.name()?;
        let mut there = false;
        let mut decide = |_: Option<Lineage>, current: Current<'_>| {
            let live = current.live(now);
            there = live.is_some();
            if tag.is_some_and(|tag| !live.is_some_and(|head| head.tags.contains(tag))) {
                there = false;
                return current.removed_if_over(now);
            }
            // In the same step as the tombstone: no write of this process that began before may follow.
            self.with_fences(|fences| fences.raise(name.as_str()))?;
            Ok(Change::Publish(Head::tombstone(now)?))
        };
        self.medium.change(key, &mut Content::None, &mut decide).await?;
        if there || tag.is_none() {
            // Also those that began while the medium was at work, which elsewhere takes its time.
            self.with_fences(|fences| fences.raise(name.as_str()))?;
        }
        Ok(there)
    }

    async fn sweep(&self, limit: usize) -> Result<u64, Error> {
        let now = self.defaults.now()?;
        let mut removed = 0;
        for (number, key) in (1..).zip(self.medium.over(now, limit).await?) {
            removed += u64::from(self.remove_over(&key, now).await?);
            if number % REMOVED_AT_ONCE == 0 {
                self.medium.pause().await;
            }
        }
        Ok(removed)
    }

    /// Sweeps a little, every so many writes. The write itself has succeeded: what fails here is not its failure.
    async fn after_write(&self) {
        let writes = self.writes.fetch_add(1, Ordering::Relaxed);
        if writes % WRITES_PER_SWEEP == WRITES_PER_SWEEP - 1 {
            #[allow(clippy::cast_possible_truncation)] // a small constant
            let _ = self.sweep(WRITES_PER_SWEEP as usize).await;
        }
    }
}

impl SessionStorage for DirectoryStorage {
    fn capabilities(&self) -> Capabilities {
        self.shared.medium.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let key = Key::of(id);
            let found = self.shared.find(&key).await?;
            Ok(found.map(|Record { head, body }| match body {
                Body::Whole(content) => SessionReader::new(head.info(), Cursor::new(content)),
                Body::Pieces(pieces) => {
                    let reader = PiecesReader::new(&self.shared, key, &head, pieces);
                    SessionReader::new(head.info(), reader)
                }
            }))
        })
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let key = Key::of(id);
            let Some(Record { head, body }) = self.shared.find(&key).await? else { return Ok(None) };
            let content = match body {
                Body::Whole(content) => content,
                Body::Pieces(pieces) => {
                    let mut content = Vec::new();
                    PiecesReader::new(&self.shared, key, &head, pieces).read_to_end(&mut content).await?;
                    content.into()
                }
            };
            Ok(Some((content, head.info())))
        })
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move { Ok(self.shared.find(&Key::of(id)).await?.map(|record| record.head.info())) })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let mut write = Write::begin(&self.shared, id, options)?;
            write.look().await?;
            Ok(SessionWriter::new(ContentWriter::new(write)))
        })
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            if content.len() > PIECE {
                let mut writer = self.begin(id, options).await?;
                writer.write_all(&content).await?;
                return writer.commit().await;
            }
            let length = content.len() as u64;
            self.shared.defaults.check_length(length)?;
            let sum = Sum::of(&content);
            let write = Write::begin(&self.shared, id, options)?;
            let committed = write.commit(&mut Content::Whole(content), length, sum).await?;
            self.shared.after_write().await;
            Ok(committed)
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let now = self.shared.defaults.now()?;
            let mut there = false;
            let mut decide = |_: Option<Lineage>, current: Current<'_>| {
                if let Current::Damaged = current {
                    return Err(corrupt("it cannot be read"));
                }
                there = current.live(now).is_some();
                let Some(head) = current.live(now) else { return current.removed_if_over(now) };
                let mut head = head.clone();
                let was = head.lifetime.active;
                head.lifetime.touch(now);
                Ok(if head.lifetime.active == was { Change::Leave } else { Change::Touch(head) })
            };
            self.shared.medium.change_known(&Key::of(id), &mut Content::Same, &mut decide).await?;
            Ok(there)
        })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { self.shared.end(&Key::of(id), None).await })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            self.shared.check_open()?;
            let mut infos = Vec::new();
            for key in self.shared.medium.tagged(tag).await? {
                match self.shared.find(&key).await {
                    Ok(Some(record)) if record.head.tags.contains(tag) => infos.push(record.head.info()),
                    Ok(_) => {}
                    // A damaged session is no session, and no reason to hide the others.
                    Err(error) if error.kind() == ErrorKind::Corrupt => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(infos)
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            self.shared.check_open()?;
            let mut ended = 0;
            for key in self.shared.medium.tagged(tag).await? {
                ended += u64::from(self.shared.end(&key, Some(tag)).await?);
            }
            Ok(ended)
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let removed = self.shared.sweep(SWEPT_AT_ONCE).await?;
            self.shared.medium.tidy().await?;
            Ok(removed)
        })
    }

    /// Looks at every record, so ask rarely. What was removed is counted for this object alone.
    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let (sessions, bytes) = self.shared.medium.count().await?;
            let expired = self.shared.expired.load(Ordering::Relaxed);
            Ok(StorageStats { sessions, bytes, evicted: 0, expired })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.shared.closed.swap(true, Ordering::SeqCst) {
                return Ok(());
            }
            self.shared.medium.close().await
        })
    }
}
