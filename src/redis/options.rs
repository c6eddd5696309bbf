//! How a storage in Redis is set up.

use std::{borrow::Cow, sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    defaults::{Defaults, builds_limits},
    error::{Error, ErrorKind},
};

/// Limits, timeouts and names of a [`RedisStorage`](crate::RedisStorage). Everything is optional.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Its clock is not asked.
    pub(super) defaults: Defaults,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) prefix: Cow<'static, str>,
    pub(super) timeout: Duration,
}

impl RedisOptions {
    /// The longest [`timeout`](Self::timeout): five minutes.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(300);

    /// No limits, no timeouts of sessions, the prefix `sessile:`, five seconds for each command, the server's time.
    pub fn new() -> Self {
        Self {
            defaults: Defaults::new(),
            clock: None,
            prefix: Cow::Borrowed("sessile:"),
            timeout: Duration::from_secs(5),
        }
    }

    builds_limits!();

    /// How every key begins. Without braces, which would tell a cluster where keys lie.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long one command may take; then its call fails with [`Storage`](ErrorKind::Storage). A command is sent again within it
    /// where the connection broke, or where the connection's own time for a response was over.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For tests. Without a clock the server's own time counts, so that it does not matter what other machines' clocks say.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.defaults.check()?;
        if self.prefix.contains(['{', '}']) {
            return Err(Error::new(ErrorKind::InvalidOption, "a prefix has no braces"));
        }
        if self.timeout.is_zero() || self.timeout > Self::MAX_TIMEOUT {
            let message = "a command's timeout is more than zero and at most 300 seconds";
            return Err(Error::new(ErrorKind::InvalidOption, message));
        }
        Ok(())
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}
