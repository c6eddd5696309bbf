//! Who goes next over one session.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_lock::MutexGuardArc;

use crate::{error::Error, id::SessionId, seed::SeededState};

type Queues = HashMap<SessionId, Arc<async_lock::Mutex<()>>, SeededState>;

/// Lets those who met a conflict over the same session go one after another. Else two hundred of them would all load, one
/// would write, and the last would be through after two hundred rounds.
///
/// Who waits is let go in order, and may give up at any time.
#[derive(Debug)]
pub(super) struct Turns {
    waiting: Mutex<Queues>,
}

/// It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    id: &'a SessionId,
    guard: Option<MutexGuardArc<()>>,
}

impl Turns {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { waiting: Mutex::new(HashMap::with_hasher(SeededState::random()?)) })
    }

    pub(super) async fn wait<'a>(&'a self, id: &'a SessionId) -> Turn<'a> {
        // From here on it is tidied up, also if the caller goes away while it waits.
        let mut turn = Turn { turns: self, id, guard: None };
        let queue = Arc::clone(self.lock().entry(id.clone()).or_default());
        turn.guard = Some(queue.lock_arc().await);
        turn
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut waiting = self.turns.lock();
        // Nobody else holds it: those who wait do.
        if waiting.get(self.id).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            waiting.remove(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, executor::block_on};

    use super::*;

    #[test]
    fn they_go_one_after_another_and_leave_nothing_behind() -> Result<(), Error> {
        let turns = Turns::new()?;
        let (one, other) = (SessionId::new("one")?, SessionId::new("other")?);
        let first = block_on(turns.wait(&one));
        let mut second = Box::pin(turns.wait(&one));
        let mut third = Box::pin(turns.wait(&one));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(turns.wait(&other).now_or_never().is_some(), "it waits for another session's");
        drop(second);
        drop(first);
        drop(block_on(third));
        assert!(turns.lock().is_empty());
        Ok(())
    }
}
