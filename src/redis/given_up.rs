//! Pieces of writes that were given up.

use std::sync::{Mutex, PoisonError};

use redis::cmd;

use super::connection::Connection;

/// More than these are left to the server, where they go by themselves in an hour.
const MOST: usize = 1_024;
const AT_ONCE: usize = 16;

/// The keys of pieces that nobody needs. Who drops a write cannot wait for the server, so the next write tells it.
#[derive(Default)]
pub(super) struct GivenUp(Mutex<Vec<String>>);

impl GivenUp {
    pub(super) fn add(&self, key: String) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() < MOST {
            keys.push(key);
        }
    }

    /// Removes some of them. Best effort.
    pub(super) async fn remove_some(&self, connection: &Connection) {
        let until = connection.deadline();
        for key in self.take_some() {
            // One by one: in a cluster they lie on different servers.
            let _ = connection.command(cmd("UNLINK").arg(key).take(), until).await;
        }
    }

    fn take_some(&self) -> Vec<String> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = keys.len().saturating_sub(AT_ONCE);
        keys.split_off(left)
    }
}
