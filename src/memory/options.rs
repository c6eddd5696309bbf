//! How a memory storage is set up.

use std::sync::Arc;

use super::table::{Limits, WhenFull};
use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind},
    expiry::{Millis, Timeout},
};

/// Bounds, timeouts and clock of a [`SessionStorageMemory`](crate::SessionStorageMemory). Everything is
/// optional, and nothing is bounded unless it is said.
#[derive(Debug, Clone)]
pub struct MemoryOptions {
    idle: Timeout,
    absolute: Timeout,
    session_bytes: u64,
    bytes: u64,
    sessions: u64,
    when_full: WhenFull,
    clock: Arc<dyn Clock>,
}

impl MemoryOptions {
    /// No bounds, no timeouts, the system's clock.
    pub fn new() -> Self {
        Self {
            idle: Timeout::Never,
            absolute: Timeout::Never,
            session_bytes: u64::MAX,
            bytes: u64::MAX,
            sessions: u64::MAX,
            when_full: WhenFull::default(),
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

    /// The most bytes of content and ids held at once (C10).
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The most sessions held at once (C10).
    #[must_use]
    pub fn max_sessions(mut self, sessions: u64) -> Self {
        self.sessions = sessions;
        self
    }

    /// What a write meets in a full storage.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Where time comes from; [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.idle.resolve(Millis::NEVER)?;
        self.absolute.resolve(Millis::NEVER)?;
        if self.session_bytes == 0 || self.bytes == 0 || self.sessions == 0 {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "a limit of zero keeps no session; leave it out for no limit",
            ));
        }
        Ok(())
    }

    /// After [`check`](Self::check) no timeout is refused; one that were would be none.
    pub(super) fn into_parts(self) -> (Limits, Arc<dyn Clock>) {
        let limits = Limits {
            idle: self.idle.resolve(Millis::NEVER).unwrap_or(Millis::NEVER),
            absolute: self.absolute.resolve(Millis::NEVER).unwrap_or(Millis::NEVER),
            session_bytes: self.session_bytes,
            bytes: self.bytes,
            sessions: self.sessions,
            when_full: self.when_full,
        };
        (limits, self.clock)
    }
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self::new()
    }
}
