//! Encryption at rest, over any storage.

mod chunks;
mod reader;
mod tags;
mod writer;

use std::sync::Arc;

use bytes::Bytes;

use self::{chunks::Chunks, reader::SealedReader, tags::TagKeys, writer::SealedWriter};
use crate::{
    channel::{SessionReader, SessionWriter},
    error::{Error, ErrorKind},
    id::SessionId,
    key::Key,
    maybe_send::BoxFuture,
    session::{Capabilities, Committed, IfRevision, Revision, SessionInfo, StorageStats, Tags, WriteOptions},
    storage::SessionStorage,
    ticket::{SealingKeys, Secrets},
};

/// Keeps the sessions of another storage encrypted: what lies on its medium tells no content and no tag, and one that was
/// changed, cut, or moved to another session is found to be so.
///
/// A content is sealed in chunks of 64 KiB by XChaCha20-Poly1305 (`docs/format.md`), each bound to its session, to its
/// write, to its place, and to whether it is the last. A damaged one fails with [`Corrupt`](ErrorKind::Corrupt): at once where
/// the content has one chunk, else where it is reached. Nothing is handed out that was not found to be whole.
///
/// Secrets are replaced as everywhere: the first seals, all open. A secret may go when no session sealed by it is left; those
/// that are, are `Corrupt` then. A write that says its tags, or its revision, seals the tags anew; any other keeps the old seal
/// of the tags.
///
/// What is not hidden: how many sessions there are, when they were made and end, how long their contents and tags are,
/// and which of them share a tag. What is not found out: that a record was put back as it was before, or removed, or that its
/// times or tags were changed by somebody who writes to the medium. `docs/security.md` says more.
///
/// The limits of the delegate count sealed bytes: see [`sealed_length`](Self::sealed_length). So do its
/// [`stats`](SessionStorage::stats). A tag of more than 720 bytes counts as two of a session's 64.
///
/// ```
/// use sessile::{SealedStorage, Secrets, SessionId, SessionStorage, SessionStorageMemory, WriteOptions};
///
/// # futures::executor::block_on(async {
/// let delegate = SessionStorageMemory::new();
/// let secrets = Secrets::new(["32 random bytes, for instance hex"])?;
/// let storage = SealedStorage::new(delegate.clone(), &secrets)?;
///
/// let id = SessionId::generate()?;
/// storage.set(&id, "hello".into(), WriteOptions::new()).await?;
/// assert_eq!(storage.get(&id).await?.map(|(content, _)| content), Some("hello".into()));
/// assert_ne!(delegate.get(&id).await?.map(|(content, _)| content), Some("hello".into()));
/// # Ok::<(), sessile::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct SealedStorage<S> {
    delegate: S,
    keys: Arc<Keys>,
}

/// What every secret has made, newest first.
struct Keys {
    contents: SealingKeys,
    tags: TagKeys,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Keys(…)")
    }
}

impl<S: SessionStorage> SealedStorage<S> {
    /// Seals what `delegate` keeps. It must have no sessions that were written without this.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a secret of less than [`Secrets::MIN_SEALING_BYTES`].
    pub fn new(delegate: S, secrets: &Secrets) -> Result<Self, Error> {
        let secrets = secrets.derivations()?;
        let contents = SealingKeys::derive(&secrets, b"sessile rest v1")?;
        let keys = Keys { contents, tags: TagKeys::derive(&secrets)? };
        Ok(Self { delegate, keys: Arc::new(keys) })
    }

    /// How long a content of this length is when it is sealed, for the delegate's limits: 32 bytes more, and 16 for
    /// each chunk.
    pub fn sealed_length(content: u64) -> u64 {
        chunks::sealed_length(content)
    }

    /// What the delegate is asked for.
    async fn sealed_options(&self, id: &SessionId, mut asked: WriteOptions) -> Result<WriteOptions, Error> {
        if let Some(tags) = &asked.tags {
            asked.tags = Some(self.keys.tags.seal(tags)?);
        } else if let IfRevision::Is(revision) = &asked.condition
            && self.keys.tags.are_many()
        {
            asked.tags = self.old_tags_anew(id, revision).await;
        }
        Ok(asked)
    }

    /// The tags of this very revision, sealed by the newest key, if they were not. Its session has them only as long as it is at
    /// that revision, so a write under that condition takes nothing from anybody. What fails here fails there.
    async fn old_tags_anew(&self, id: &SessionId, revision: &Revision) -> Option<Tags> {
        let info = self.delegate.info(id).await.ok()??;
        // Of another: a delegate with a cache may be late.
        if info.revision != *revision {
            return None;
        }
        let (tags, by_newest) = self.keys.tags.open(&info.tags).ok()?;
        if by_newest { None } else { self.keys.tags.seal(&tags).ok() }
    }
}

impl Keys {
    /// What is known of a session, from what the delegate knows of it.
    fn open_info(&self, mut info: SessionInfo) -> Result<SessionInfo, Error> {
        if let Some(length) = &mut info.byte_length {
            *length = chunks::content_length(*length).ok_or_else(corrupt)?;
        }
        info.tags = self.tags.open(&info.tags)?.0;
        Ok(info)
    }

    /// What a commit has made. It cannot fail any more for what it tells.
    fn committed(&self, mut committed: Committed) -> Committed {
        committed.info = committed.info.and_then(|info| self.open_info(info).ok());
        committed
    }
}

impl<S: SessionStorage> SessionStorage for SealedStorage<S> {
    fn capabilities(&self) -> Capabilities {
        self.delegate.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let Some(sealed) = self.delegate.open(id).await? else { return Ok(None) };
            let info = self.keys.open_info(sealed.info().clone())?;
            let reader = SealedReader::open(sealed, &self.keys.contents, Key::of(id)).await?;
            Ok(Some(SessionReader::new(info, reader)))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let (chunks, header) = Chunks::begin(self.keys.contents.newest(), Key::of(id))?;
            let writer = self.delegate.begin(id, self.sealed_options(id, options).await?).await?;
            Ok(SessionWriter::new(SealedWriter::new(Arc::clone(&self.keys), writer, chunks, header)))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.delegate.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.delegate.invalidate(id)
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move {
            let info = self.delegate.info(id).await?;
            info.map(|info| self.keys.open_info(info)).transpose()
        })
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let Some((sealed, info)) = self.delegate.get(id).await? else { return Ok(None) };
            let info = self.keys.open_info(info)?;
            let content = chunks::open_whole(&self.keys.contents, Key::of(id), &sealed)?;
            Ok(Some((content.into(), info)))
        })
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            let sealed = chunks::seal_whole(self.keys.contents.newest(), Key::of(id), &content)?;
            let options = self.sealed_options(id, options).await?;
            Ok(self.keys.committed(self.delegate.set(id, sealed.into(), options).await?))
        })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            let mut infos = Vec::new();
            for sealed in self.keys.tags.names_of(tag)? {
                // A damaged session is no session, and no reason to hide the others.
                let listed = self.delegate.list_tagged(&sealed).await?;
                infos.extend(listed.into_iter().filter_map(|info| self.keys.open_info(info).ok()));
            }
            Ok(infos)
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            let mut ended = 0;
            for sealed in self.keys.tags.names_of(tag)? {
                ended += self.delegate.invalidate_tagged(&sealed).await?;
            }
            Ok(ended)
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        self.delegate.sweep()
    }

    /// Those of the delegate: its bytes are sealed ones.
    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        self.delegate.stats()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.delegate.close()
    }
}

fn corrupt() -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "a sealed session cannot be opened: it was damaged or changed, or the secret that sealed it is not given any more",
    )
}
