//! What every storage can be given: timeouts, a limit for one session, a clock.

use std::sync::Arc;

use crate::{
    clock::{Clock, SystemClock, Timestamp},
    error::{Error, ErrorKind},
    expiry::{Lifetime, Millis, Timeout},
    session::{IfRevision, Revision, WriteOptions},
};

/// The options that storages have in common, and what they mean for a write.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) idle: Timeout,
    pub(crate) absolute: Timeout,
    pub(crate) session_bytes: u64,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Defaults {
    /// No limits, no timeouts, the system's clock.
    pub(crate) fn new() -> Self {
        Self {
            idle: Timeout::Never,
            absolute: Timeout::Never,
            session_bytes: u64::MAX,
            clock: Arc::new(SystemClock),
        }
    }

    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a timeout or a limit of zero, or a timeout of more than 100 years.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.idle.resolve(Millis::NEVER)?;
        self.absolute.resolve(Millis::NEVER)?;
        if self.session_bytes == 0 { Err(zero_limit()) } else { Ok(()) }
    }

    pub(crate) fn now(&self) -> Result<Timestamp, Error> {
        self.clock.now()
    }

    /// The lifetime of a new revision. An existing session keeps what the write does not say, and its age.
    pub(crate) fn lifetime(
        &self,
        asked: &WriteOptions,
        old: Option<&Lifetime>,
        now: Timestamp,
    ) -> Result<Lifetime, Error> {
        let (idle, absolute) = match old {
            Some(old) => (old.idle, old.absolute),
            None => (self.idle.resolve(Millis::NEVER)?, self.absolute.resolve(Millis::NEVER)?),
        };
        let mut lifetime = Lifetime::begin(now, asked.idle.resolve(idle)?, asked.absolute.resolve(absolute)?);
        if let Some(old) = old {
            lifetime.created = old.created;
            lifetime.touch(old.active);
        }
        Ok(lifetime)
    }

    /// Whether a content of this length may be kept (C10).
    pub(crate) fn check_length(&self, length: u64) -> Result<(), Error> {
        if length > self.session_bytes {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "the content is larger than maxSessionBytes; store less, or raise the limit",
            ));
        }
        Ok(())
    }
}

/// Refuses what no session could take, before anything is begun.
pub(crate) fn check_timeouts(asked: &WriteOptions) -> Result<(), Error> {
    asked.idle.resolve(Millis::NEVER)?;
    asked.absolute.resolve(Millis::NEVER)?;
    Ok(())
}

/// Checks a write's condition against the current revision (C5).
pub(crate) fn check_condition(asked: &WriteOptions, current: Option<&Revision>) -> Result<(), Error> {
    let met = match &asked.condition {
        IfRevision::Any => true,
        IfRevision::Absent => current.is_none(),
        IfRevision::Is(revision) => current == Some(revision),
    };
    if met {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "the session has moved on to another revision; read it again"))
}

pub(crate) fn zero_limit() -> Error {
    Error::new(ErrorKind::InvalidOption, "a limit of zero keeps no session; leave it out for no limit")
}

/// The builder's methods for the limits in `defaults`.
macro_rules! builds_limits {
    () => {
        /// For sessions whose write does not say: they end when not written or touched for this long (C7).
        #[must_use]
        pub fn idle_timeout(mut self, timeout: impl Into<$crate::Timeout>) -> Self {
            self.defaults.idle = timeout.into();
            self
        }

        /// For sessions whose write does not say: they end this long after they were created (C7).
        #[must_use]
        pub fn absolute_timeout(mut self, timeout: impl Into<$crate::Timeout>) -> Self {
            self.defaults.absolute = timeout.into();
            self
        }

        /// The largest content of one session, in bytes (C10).
        #[must_use]
        pub fn max_session_bytes(mut self, bytes: u64) -> Self {
            self.defaults.session_bytes = bytes;
            self
        }
    };
}

/// The builder's methods for all that stands in `defaults`.
macro_rules! builds_defaults {
    () => {
        $crate::defaults::builds_limits!();

        /// Where time comes from; [`SystemClock`](crate::SystemClock) by default.
        #[must_use]
        pub fn clock(mut self, clock: impl $crate::Clock + 'static) -> Self {
            self.defaults.clock = std::sync::Arc::new(clock);
            self
        }
    };
}

pub(crate) use {builds_defaults, builds_limits};
