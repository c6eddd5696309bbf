//! How a memory storage is set up.

use std::sync::Arc;

use super::table::{Limits, WhenFull};
use crate::{
    clock::Clock,
    defaults::{Defaults, builds_defaults, zero_limit},
    error::Error,
    expiry::Millis,
};

/// Bounds, timeouts and clock of a [`SessionStorageMemory`](crate::SessionStorageMemory). Everything is
/// optional, and nothing is bounded unless it is said.
#[derive(Debug, Clone)]
pub struct MemoryOptions {
    defaults: Defaults,
    bytes: u64,
    sessions: u64,
    when_full: WhenFull,
}

impl MemoryOptions {
    /// No bounds, no timeouts, the system's clock.
    pub fn new() -> Self {
        Self {
            defaults: Defaults::new(),
            bytes: u64::MAX,
            sessions: u64::MAX,
            when_full: WhenFull::default(),
        }
    }

    builds_defaults!();

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

    pub(super) fn check(&self) -> Result<(), Error> {
        self.defaults.check()?;
        if self.bytes == 0 || self.sessions == 0 { Err(zero_limit()) } else { Ok(()) }
    }

    /// After [`check`](Self::check) no timeout is refused; one that were would be none.
    pub(super) fn into_parts(self) -> (Limits, Arc<dyn Clock>) {
        let limits = Limits {
            idle: self.defaults.idle.resolve(Millis::NEVER).unwrap_or(Millis::NEVER),
            absolute: self.defaults.absolute.resolve(Millis::NEVER).unwrap_or(Millis::NEVER),
            session_bytes: self.defaults.session_bytes,
            bytes: self.bytes,
            sessions: self.sessions,
            when_full: self.when_full,
        };
        (limits, self.defaults.clock)
    }
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self::new()
    }
}
