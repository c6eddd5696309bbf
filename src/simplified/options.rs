//! How a simplified storage is set up.

use crate::defaults::{Defaults, builds_defaults};

/// Limits, timeouts and promises of a [`SimplifiedSessionStorage`](crate::SimplifiedSessionStorage).
#[derive(Debug, Clone)]
pub struct SimplifiedOptions {
    pub(super) defaults: Defaults,
    pub(super) exclusive: bool,
    pub(super) durable: bool,
}

impl SimplifiedOptions {
    /// No limits, no timeouts, a medium that others may use too.
    pub fn new() -> Self {
        Self { defaults: Defaults::new(), exclusive: false, durable: false }
    }

    builds_defaults!();

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
}

impl Default for SimplifiedOptions {
    fn default() -> Self {
        Self::new()
    }
}
