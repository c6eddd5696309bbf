//! How a directory storage is set up.

use crate::{
    defaults::{Defaults, builds_defaults},
    session::Durability,
};

/// Limits, timeouts, clock and durability of a [`DirectoryStorage`](crate::DirectoryStorage). Everything is
/// optional.
#[derive(Debug, Clone)]
pub struct DirectoryOptions {
    pub(super) defaults: Defaults,
    pub(super) durability: Durability,
}

impl DirectoryOptions {
    /// No limits, no timeouts, the system's clock, [`Durability::Relaxed`].
    pub fn new() -> Self {
        Self { defaults: Defaults::new(), durability: Durability::Relaxed }
    }

    builds_defaults!();

    /// What a power cut may undo (C9).
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self::new()
    }
}
