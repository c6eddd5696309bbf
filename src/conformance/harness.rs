//! What the kit asks of those who have a storage to check.

use std::sync::Arc;

use crate::{
    clock::Clock,
    error::{Error, ErrorKind},
    expiry::Timeout,
    id::SessionId,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    memory::WhenFull,
    session::Capabilities,
    storage::SessionStorage,
};

/// How the kit gets the storages that it checks. Only the first two methods must be written; the others
/// let the kit check more.
pub trait Harness: MaybeSend + MaybeSync {
    /// What the storage can do. The kit checks that the storage declares the same, that it can do it, and
    /// that it refuses the rest.
    fn capabilities(&self) -> Capabilities;

    /// Opens a storage as the setup says.
    ///
    /// Setups that name the same [`medium`](Setup::medium) are for the same sessions, where the storage is
    /// durable or shared; a new medium is empty.
    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>>;

    /// Which limits the storage can be given. By default only that of one session.
    fn bounds(&self) -> Bounds {
        Bounds { session: true, storage: false }
    }

    /// Whether [`damage`](Self::damage) can be asked for. By default it cannot.
    fn can_damage(&self) -> bool {
        false
    }

    /// Changes the record that a medium keeps of a session, behind the storage's back (C12).
    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (medium, id, damage);
        Box::pin(async { Err(Error::new(ErrorKind::Unsupported, "this harness can damage nothing")) })
    }
}

/// What happens to the bytes of a record.
pub type Damage = fn(&mut Vec<u8>);

/// The limits that a storage can be given (C10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// [`Setup::max_session_bytes`].
    pub session: bool,
    /// [`Setup::max_bytes`], [`Setup::max_sessions`] and [`Setup::when_full`], and a
    /// [`stats`](SessionStorage::stats) that counts.
    pub storage: bool,
}

/// How a case wants its storage.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// Names the place where sessions are kept, such as a folder or a database. No other case of this
    /// process has the same.
    pub medium: u64,
    /// Where time comes from. A case moves it, and may let it fail.
    pub clock: Arc<dyn Clock>,
    /// For sessions whose write does not say. `Timeout::Never` unless a case is about it.
    pub idle: Timeout,
    /// The same.
    pub absolute: Timeout,
    /// The largest content of one session; asked for only where [`Bounds::session`] is declared.
    pub max_session_bytes: Option<u64>,
    /// The most bytes of content and ids held at once; only where [`Bounds::storage`] is declared.
    pub max_bytes: Option<u64>,
    /// The most sessions held at once; only where [`Bounds::storage`] is declared.
    pub max_sessions: Option<u64>,
    /// What a write meets in a full storage; only where [`Bounds::storage`] is declared.
    pub when_full: WhenFull,
}
