//! How a simplified storage is set up.

use std::sync::Arc;

use crate::{
    clock::{Clock, SystemClock},
    expiry::Timeout,
};

/// Limits, timeouts and promises of a [`SimplifiedSessionStorage`](crate::SimplifiedSessionStorage).
#[derive(Debug, Clone)]
pub struct SimplifiedOptions {
    pub(super) idle: Timeout,
    pub(super) absolute: Timeout,
    pub(super) session_bytes: u64,
    pub(super) exclusive: bool,
    pub(super) durable: bool,
    pub(super) clock: Arc<dyn Clock>,
}

impl SimplifiedOptions {
    /// No limits, no timeouts, a medium that others may use too.
    pub fn new() -> Self {
        Self {
            idle: Timeout::Never,
            absolute: Timeout::Never,
            session_bytes: u64::MAX,
            exclusive: false,
            durable: false,
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

    /// Promises that nobody but this one storage object writes to the medium. Then conditional writes are
    /// offered (C5): two plain functions cannot make check and write one step for others. Without the promise
    /// C4 holds as well only for what goes through this object.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Declares that the medium outlives the process.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Where time comes from; [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl Default for SimplifiedOptions {
    fn default() -> Self {
        Self::new()
    }
}
