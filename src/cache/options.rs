//! How much a cache keeps, and for how long.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Clock, SystemClock},
    defaults::zero_limit,
    error::Error,
    expiry::{Millis, Timeout},
};

/// What a [`CacheStorage`](super::CacheStorage) is made with.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    pub(super) idle: Timeout,
    pub(super) absolute: Timeout,
    pub(super) miss: Timeout,
    pub(super) bytes: u64,
    pub(super) sessions: u64,
    pub(super) entry_bytes: u64,
    pub(super) skip_equal_writes: bool,
    pub(super) clock: Arc<dyn Clock>,
}

/// How old an entry may become, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    pub(super) idle: u64,
    pub(super) absolute: u64,
    pub(super) miss: u64,
}

impl CacheOptions {
    /// Entries leave after a minute without use; 64 MiB and 100,000 sessions at most, none of them larger than 1 MiB.
    pub fn new() -> Self {
        Self {
            idle: Timeout::After(MINUTE),
            absolute: Timeout::Keep,
            miss: Timeout::Keep,
            bytes: 64 * 1024 * 1024,
            sessions: 100_000,
            entry_bytes: 1024 * 1024,
            skip_equal_writes: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// An entry leaves that was not read, written or touched for this long; one minute unless said otherwise, as in Ktor.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.idle = timeout.into();
        self
    }

    /// An entry is asked for again at this age, however often it is read. It bounds how long a change that others
    /// made in a shared storage, or one without conditional writes, stays unseen: one minute there unless said otherwise, and no
    /// bound elsewhere.
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.absolute = timeout.into();
        self
    }

    /// How long it is remembered that there is no session: one second unless said otherwise, and not at all over a
    /// shared storage.
    #[must_use]
    pub fn miss_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.miss = timeout.into();
        self
    }

    /// The most bytes of ids, contents and tags that are kept.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The most sessions that are kept.
    #[must_use]
    pub fn max_sessions(mut self, sessions: u64) -> Self {
        self.sessions = sessions;
        self
    }

    /// A larger content passes by the cache, in both directions.
    #[must_use]
    pub fn max_entry_bytes(mut self, bytes: u64) -> Self {
        self.entry_bytes = bytes;
        self
    }

    /// A whole write of what the cache knows to be there already becomes a touch: no content is sent, and the
    /// revision stays. Has no effect over a shared storage, where others may have written meanwhile, nor where there are no
    /// touches.
    #[must_use]
    pub fn skip_equal_writes(mut self) -> Self {
        self.skip_equal_writes = true;
        self
    }

    /// Where time comes from; [`SystemClock`] by default. It must be the delegate's own where that has another.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The ages as they are over such a delegate.
    pub(super) fn ages(&self, shared: bool) -> Result<Ages, Error> {
        if self.bytes == 0 || self.sessions == 0 || self.entry_bytes == 0 {
            return Err(zero_limit());
        }
        let (absolute, miss) =
            if shared { (Millis::new(60_000), Millis::new(0)) } else { (Millis::NEVER, Millis::new(1_000)) };
        Ok(Ages {
            idle: self.idle.resolve(Millis::new(60_000))?.get(),
            absolute: self.absolute.resolve(absolute)?.get(),
            miss: self.miss.resolve(miss)?.get(),
        })
    }
}

const MINUTE: Duration = Duration::from_secs(60);

impl Default for CacheOptions {
    fn default() -> Self {
        Self::new()
    }
}
