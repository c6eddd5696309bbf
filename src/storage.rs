//! The contract of every storage, and the calls that users write.

use std::fmt;

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};

use crate::{
    channel::{SessionReader, SessionWriter},
    error::{Error, Failure},
    id::SessionId,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    session::{Capabilities, Committed, SessionInfo, StorageStats, WriteOptions},
};

/// A place where sessions are kept.
///
/// Users call [`SessionStorageExt`]; a backend implements these few primitives, which hand out handles. The
/// trait is dyn-compatible: share a storage as `Arc<dyn SessionStorage>`. The
/// `conformance` module (feature `testing`) checks every rule below against any storage.
///
/// # The contract
///
/// - **C1 All or nothing.** A write becomes visible all at once, at [`SessionWriter::commit`]. A writer that
///   is dropped, whose channel failed, or whose provider failed leaves the session as it was.
/// - **C2 One revision per read.** A [`SessionReader`] sees one revision from first byte to last, also while
///   the session is overwritten or invalidated underneath it.
/// - **C3 Missing is a clear answer.** A missing or expired session is `None`;
///   [`read`](SessionStorageExt::read) fails with [`NotFound`](crate::ErrorKind::NotFound) without calling the consumer, and
///   what a consumer raises itself comes back as [`Failure::Callback`].
/// - **C4 Invalidate is final.** It is idempotent and says whether a session was there. Once it has resolved,
///   no write, touch or cache fill that began before it can bring the session back: such a write fails with
///   [`Conflict`](crate::ErrorKind::Conflict).
/// - **C5 Revisions.** Each commit makes a new [`Revision`](crate::Revision), never one that was used before. A conditional
///   write that does not meet its revision fails with [`Conflict`](crate::ErrorKind::Conflict) and changes nothing. Check and
///   write are one step for all who share the storage. A backend that cannot do it declares so in its
///   [`Capabilities`] and refuses the condition with [`Unsupported`](crate::ErrorKind::Unsupported).
/// - **C6 The storage owns the channel.** It closes what it opened: a provider need not close, a consumer may
///   stop early, and neither leaks a handle, a lock, a transaction or a temporary file.
/// - **C7 Two clocks.** Idle and absolute timeouts are kept with the session and enforced by the storage: an
///   expired session is never returned, swept or not. Writing and touching are activity, reading is not. A
///   touch never rewrites content. Time comes from a [`Clock`](crate::Clock).
/// - **C8 Ids.** Any [`SessionId`] is taken. Outside the process's own memory a session is kept under a hash
///   of its id. Ids show in no `Debug`, error or message.
/// - **C9 Read your writes.** When a commit has resolved, the next read sees it.
/// - **C10 Bounded.** Limits are kept: [`TooLarge`](crate::ErrorKind::TooLarge) for one session, [`Quota`](crate::ErrorKind::Quota) for a
///   full storage.
/// - **C11 No poison.** No input, callback or re-entrant call panics, deadlocks, or leaves the storage
///   unusable. No borrow, lock or transaction is held while user code runs.
/// - **C12 Corruption is contained.** A damaged record is [`Corrupt`](crate::ErrorKind::Corrupt) to the caller that met it, and
///   never takes down another session. Reading creates nothing.
/// - **C13 Tags.** [`list_tagged`](Self::list_tagged) and [`invalidate_tagged`](Self::invalidate_tagged) work on
///   every session that was committed before the call.
pub trait SessionStorage: fmt::Debug + MaybeSend + MaybeSync {
    /// What this storage can do.
    fn capabilities(&self) -> Capabilities;

    /// Opens the current revision; `None` where there is no session. Not activity.
    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>>;

    /// Begins a write, which ends in [`SessionWriter::commit`] or is dropped. From here on an invalidate of
    /// this id wins over it (C4). A condition is checked at the commit; a storage may also refuse at once.
    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>>;

    /// Counts as activity (C7) without rewriting anything. Says whether there was a session.
    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>>;

    /// Ends a session for good (C4). Says whether there was one.
    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>>;

    /// What is known of the current revision; `None` where there is no session.
    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move { Ok(self.open(id).await?.map(SessionReader::into_info)) })
    }

    /// The whole content at once; `None` where there is no session.
    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let Some(mut reader) = self.open(id).await? else { return Ok(None) };
            let mut content = Vec::new();
            reader.read_to_end(&mut content).await?;
            Ok(Some((content.into(), reader.into_info())))
        })
    }

    /// Writes a whole content at once.
    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            let mut writer = self.begin(id, options).await?;
            writer.write_all(&content).await?;
            writer.commit().await
        })
    }

    /// The sessions that carry a tag (C13).
    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        let _ = tag;
        Box::pin(async { Err(Error::unsupported("this storage keeps no tags: see its capabilities")) })
    }

    /// Invalidates the sessions that carry a tag (C13). Says how many.
    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        let _ = tag;
        Box::pin(async { Err(Error::unsupported("this storage keeps no tags: see its capabilities")) })
    }

    /// Removes expired sessions; says how many. Where a medium expires them by itself, nothing is left to do.
    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async { Ok(0) })
    }

    /// What the storage holds and has counted.
    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async { Err(Error::unsupported("this storage cannot count what it holds")) })
    }

    /// Frees what the storage holds; every later call fails with [`Closed`](crate::ErrorKind::Closed). Idempotent.
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// The calls that users write, on every storage. You need not, and cannot, implement this trait.
///
/// ```
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// use sessile::{Error, SessionId, SessionStorageExt, SessionStorageMemory, WriteOptions};
///
/// # futures::executor::block_on(async {
/// let storage = SessionStorageMemory::new();
/// let id = SessionId::generate()?;
/// storage
///     .write(&id, WriteOptions::new(), async |channel| {
///         channel.write_all(b"{\"cart\":[").await?;
///         channel.write_all(b"17]}").await?;
///         Ok::<_, Error>(())
///     })
///     .await?;
///
/// let text = storage
///     .read(&id, async |channel| {
///         let mut text = String::new();
///         channel.read_to_string(&mut text).await?;
///         Ok::<_, Error>(text)
///     })
///     .await?;
/// assert_eq!(text, "{\"cart\":[17]}");
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub trait SessionStorageExt: SessionStorage {
    /// Creates or replaces a session with what `provider` writes into the channel; visible when the provider
    /// has ended well, all at once (C1). The provider need not close the channel.
    ///
    /// # Errors
    /// [`Failure::Callback`] with the provider's own error, after which the session is as it was.
    #[allow(async_fn_in_trait)] // Send follows from the storage and the callback, which a bound could not say
    async fn write<E, P>(
        &self,
        id: &SessionId,
        options: WriteOptions,
        provider: P,
    ) -> Result<Committed, Failure<E>>
    where
        P: AsyncFnOnce(&mut SessionWriter) -> Result<(), E>,
    {
        let mut writer = self.begin(id, options).await.map_err(Failure::Storage)?;
        provider(&mut writer).await.map_err(Failure::Callback)?;
        writer.commit().await.map_err(Failure::Storage)
    }

    /// Hands `consumer` one revision of a session (C2) and returns what it answers. It may stop early.
    ///
    /// # Errors
    /// [`Failure::Storage`] of kind [`NotFound`](crate::ErrorKind::NotFound) where there is no session;
    /// [`Failure::Callback`] with the consumer's own error.
    #[allow(async_fn_in_trait)] // as for `write`
    async fn read<T, E, C>(&self, id: &SessionId, consumer: C) -> Result<T, Failure<E>>
    where
        C: AsyncFnOnce(&mut SessionReader) -> Result<T, E>,
    {
        let reader = self.open(id).await.map_err(Failure::Storage)?;
        let mut reader = reader.ok_or_else(|| Failure::Storage(Error::not_found()))?;
        consumer(&mut reader).await.map_err(Failure::Callback)
    }
}

impl<S: SessionStorage + ?Sized> SessionStorageExt for S {}

/// Every pointer to a storage is a storage.
macro_rules! storage_by_pointer {
    ($pointer:ty) => {
        impl<S: SessionStorage + ?Sized> SessionStorage for $pointer {
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
            fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
                (**self).open(id)
            }
            fn begin<'a>(
                &'a self,
                id: &'a SessionId,
                options: WriteOptions,
            ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
                (**self).begin(id, options)
            }
            fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
                (**self).touch(id)
            }
            fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
                (**self).invalidate(id)
            }
            fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
                (**self).info(id)
            }
            fn get<'a>(
                &'a self,
                id: &'a SessionId,
            ) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
                (**self).get(id)
            }
            fn set<'a>(
                &'a self,
                id: &'a SessionId,
                content: Bytes,
                options: WriteOptions,
            ) -> BoxFuture<'a, Result<Committed, Error>> {
                (**self).set(id, content, options)
            }
            fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
                (**self).list_tagged(tag)
            }
            fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
                (**self).invalidate_tagged(tag)
            }
            fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
                (**self).sweep()
            }
            fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
                (**self).stats()
            }
            fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
                (**self).close()
            }
        }
    };
}

storage_by_pointer!(std::sync::Arc<S>);
storage_by_pointer!(Box<S>);
