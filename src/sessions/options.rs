//! How sessions are set up.

use std::{fmt, sync::Arc, time::Duration};

use super::tickets::Tickets;
use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind},
    expiry::{Millis, Timeout},
    id::SessionId,
    session::{Capabilities, Tags},
    ticket::{Sealer, Secrets, Signer},
};

/// What a commit does when another request has written meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// The functions given to [`update`](crate::Session::update) run again, all else is merged by key. The default.
    #[default]
    Merge,
    /// It fails with [`ErrorKind::Conflict`].
    Error,
    /// The last one wins; the only thing that a storage without conditional writes can promise.
    Overwrite,
}

/// What happened to a session, for logs and counters. Never its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A session was stored for the first time.
    Created,
    /// A ticket of an older secret is replaced by one of the newest.
    Renewed,
    /// It has a new id.
    Regenerated,
    /// It was ended by [`clear`](crate::Session::clear).
    Invalidated,
    /// What a request made of it was dropped: it had been ended or given another id meanwhile.
    Ended,
    /// Another request had written meanwhile; the change is made again on top, or refused.
    Conflict,
    /// A ticket that we have signed or sealed is of no session any more.
    Expired,
    /// A ticket is none of ours, or, without secrets, of no session.
    Unknown,
    /// A request came with an id that its session had given up within the last minute.
    Moved,
    /// What is stored cannot be used; `on_invalid` is told why.
    Invalid,
}

/// A session that is stored and cannot be used (S7). Never its id.
#[non_exhaustive]
pub struct InvalidSession {
    /// What is wrong with it.
    pub reason: InvalidReason,
    /// The storage's or serde's error, which may quote the content.
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Debug for InvalidSession {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("InvalidSession").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why a stored session cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidReason {
    /// It is no JSON, or the storage has found it damaged.
    Damaged,
    /// It is no value of the session's type.
    Type,
}

type Tell<T> = Arc<dyn Fn(T) + Send + Sync>;
type MakeId = Arc<dyn Fn() -> Result<SessionId, Error> + Send + Sync>;

/// The options of every kind of session, however it travels. All are optional.
///
/// ```
/// use std::time::Duration;
/// use sessile::{Secrets, SessionsOptions};
///
/// let options = SessionsOptions::new()
///     .secrets(&Secrets::new(["the newest one, of at least 32 bytes", "the one before, which is as long"])?)?
///     .idle_timeout(Duration::from_secs(30 * 60))
///     .absolute_timeout(Duration::from_secs(7 * 24 * 60 * 60));
/// # let _ = options;
/// # Ok::<(), sessile::Error>(())
/// ```
#[derive(Clone)]
pub struct SessionsOptions {
    pub(super) tickets: Tickets,
    pub(super) idle: Timeout,
    pub(super) absolute: Timeout,
    pub(super) rolling: bool,
    pub(super) touch_after: Option<Duration>,
    pub(super) on_conflict: OnConflict,
    pub(super) on_invalid: Option<Tell<InvalidSession>>,
    pub(super) on_event: Option<Tell<SessionEvent>>,
    pub(super) generate_id: MakeId,
    pub(super) tags: Tags,
    pub(super) clock: Arc<dyn Clock>,
}

impl SessionsOptions {
    /// Ids that are not signed, the storage's own timeouts, changes that are merged.
    pub fn new() -> Self {
        Self {
            tickets: Tickets::Plain,
            idle: Timeout::Keep,
            absolute: Timeout::Keep,
            rolling: false,
            touch_after: None,
            on_conflict: OnConflict::default(),
            on_invalid: None,
            on_event: None,
            generate_id: Arc::new(SessionId::generate),
            tags: Tags::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Signs the ids: the first signs, all verify. An id that an older one has signed is sent again (S5). Of several cookies of
    /// the name the first that verifies counts.
    ///
    /// # Errors
    /// None; the signature leaves room for one.
    pub fn secrets(mut self, secrets: &Secrets) -> Result<Self, Error> {
        self.tickets = Tickets::Signed(Arc::new(Signer::new(secrets)?));
        Ok(self)
    }

    /// Seals the ids in place of signing them: the client cannot read its own. The first seals, all open, as those that sign.
    /// A ticket is bound to the name of its cookie or header.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a secret of less than [`Secrets::MIN_SEALING_BYTES`].
    pub fn sealing_secrets(mut self, secrets: &Secrets) -> Result<Self, Error> {
        self.tickets = Tickets::Sealed(Arc::new(Sealer::new(secrets)?));
        Ok(self)
    }

    /// The session expires without activity for this long. Default: the storage's.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.idle = timeout.into();
        self
    }

    /// The session expires this long after it was created, also under another id. Default: the storage's.
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.absolute = timeout.into();
        self
    }

    /// Whether each write and touch sends the cookie or header again. Default: no.
    #[must_use]
    pub fn rolling(mut self, rolling: bool) -> Self {
        self.rolling = rolling;
        self
    }

    /// A session with an idle timeout is touched when it was read and its last activity is so long ago. Default: a tenth of
    /// its idle timeout, at most one minute.
    #[must_use]
    pub fn touch_after(mut self, activity: Duration) -> Self {
        self.touch_after = Some(activity);
        self
    }

    /// What a commit does when another request has written meanwhile.
    #[must_use]
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.on_conflict = on_conflict;
        self
    }

    /// Told of a stored session that cannot be used; the request has none then.
    #[must_use]
    pub fn on_invalid(mut self, tell: impl Fn(InvalidSession) + Send + Sync + 'static) -> Self {
        self.on_invalid = Some(Arc::new(tell));
        self
    }

    /// Told what happens.
    #[must_use]
    pub fn on_event(mut self, tell: impl Fn(SessionEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(tell));
        self
    }

    /// Makes new ids. They must not be guessed. Default: [`SessionId::generate`].
    #[must_use]
    pub fn generate_id(
        mut self,
        make: impl Fn() -> Result<SessionId, Error> + Send + Sync + 'static,
    ) -> Self {
        self.generate_id = Arc::new(make);
        self
    }

    /// Tags of every new session.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    /// Where time comes from; it must be the storage's own. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(super) fn check(&self, capabilities: Capabilities) -> Result<(), Error> {
        self.check_times()?;
        if self.on_conflict != OnConflict::Overwrite && !capabilities.conditional {
            return invalid(
                "this storage has no conditional writes: only OnConflict::Overwrite can be promised",
            );
        }
        if !self.tags.is_empty() && !capabilities.tags {
            return invalid("this storage has no tags");
        }
        Ok(())
    }

    /// For sessions that their cookie carries.
    pub(super) fn check_carried(&self) -> Result<(), Error> {
        self.check_times()?;
        if self.tickets.are_proven() {
            return invalid(
                "the secrets that seal whole sessions are given beside the cookie, not as options",
            );
        }
        if self.on_conflict == OnConflict::Error {
            return invalid("a session that its cookie carries cannot know of another request's change");
        }
        if !self.tags.is_empty() {
            return invalid("a session that its cookie carries is found by no tag");
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), Error> {
        self.idle.resolve(Millis::NEVER)?;
        self.absolute.resolve(Millis::NEVER)?;
        if self.touch_after.is_some_and(|after| after.is_zero()) {
            return invalid("touch_after is zero; give a longer time, or leave it out");
        }
        Ok(())
    }
}

fn invalid(what: &'static str) -> Result<(), Error> {
    Err(Error::new(ErrorKind::InvalidOption, what))
}

impl Default for SessionsOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SessionsOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionsOptions")
            .field("signed_or_sealed", &self.tickets.are_proven())
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .field("on_conflict", &self.on_conflict)
            .finish_non_exhaustive()
    }
}
